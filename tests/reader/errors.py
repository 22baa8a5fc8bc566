"""A refusal with its code from docs/errors.md."""


class Refused(Exception):
    def __init__(self, code, why=""):
        super().__init__(f"{code}: {why}" if why else code)
        self.code = code


def need(good, code, why=""):
    if not good:
        raise Refused(code, why)
