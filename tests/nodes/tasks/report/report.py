"""Puts the models in order."""

import json

import holdfast

models = [json.loads(next(holdfast.input(f"models-{n}").rglob("model.json")).read_text()) for n in range(1, 5)]
models.sort(key=lambda model: -model["accuracy"])
lines = [f"{model['accuracy']:.3f} at rate {model['rate']}" for model in models]
(holdfast.output("report") / "report.txt").write_text("\n".join(lines) + "\n")
print("best:", lines[0])
