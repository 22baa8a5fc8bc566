"""Tries to get out. One line for each try: its name, and what came of it. Whatever begins with DONE should not have worked."""

import ctypes
import json
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import time

import holdfast

told = json.loads(holdfast.params["told"])
libc = ctypes.CDLL(None, use_errno=True)
# One of the tries asks every process to end.
signal.signal(signal.SIGTERM, signal.SIG_IGN)


def call(number, *args):
    """A system call by its number on this machine."""
    args = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    if libc.syscall(ctypes.c_long(number), *args) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True


def attempt(name, what):
    sys.stdout.flush()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            got = what()
            said = "nothing there" if got is None or got is False else "DONE {!r}".format(got)
        except BaseException as error:
            said = "{}: {}".format(type(error).__name__, error)
        os.write(writer, said[:200].encode(errors="replace"))
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 300).decode(errors="replace")
    _, status = os.waitpid(child, 0)
    print("{}\t{}".format(name, said or "ended by {}".format(status)))


def read(path):
    with open(path, "rb") as file:
        return file.read(50) or b"(empty)"


def write(path):
    with open(path, "a") as file:
        file.write("x")
    return True


# Files of this computer.
for folder in ["/root", "/home", "/var", "/opt", "/srv", "/sys", "/boot"]:
    attempt("list " + folder, lambda: os.listdir(folder))
for path in ["/etc/shadow", "/etc/hostname", "/etc/machine-id", "/proc/kcore", "/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda"]:
    attempt("read " + path, lambda: read(path))
attempt("read a file by its path outside", lambda: read(told["canary"]))
attempt("read a file by many ..", lambda: read("/task/../../../../../.." + told["canary"]))
attempt("read a file by /proc/1/root", lambda: read("/proc/1/root" + told["canary"]))
attempt("read a file by /proc/1/cwd", lambda: os.listdir("/proc/1/cwd"))
attempt("read the descriptors of the first process", lambda: os.listdir("/proc/1/fd"))
attempt("read the environment of the first process", lambda: read("/proc/1/environ"))
attempt("read the memory of the first process", lambda: read("/proc/1/mem"))
attempt("read the workspace of another run", lambda: os.listdir(told["runs"]))
attempt("accounts of this computer", lambda: b"root" in open("/etc/passwd", "rb").read())
for path in ["/x", "/task/x", "/in/x", "/in/raw", "/usr/x", "/bin/sh", "/etc/passwd", "/etc/x", "/dev/x", "/run/x", "/run/holdfast-stage", "/run/holdfast-python/holdfast.py", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern"]:
    attempt("write " + path, lambda: write(path))
attempt("write a file by its path outside", lambda: write(told["canary"]))
attempt("make the task's folder writable", lambda: os.chmod("/task", 0o777))

# Other processes.
attempt("see processes of others", lambda: [p for p in os.listdir("/proc") if p.isdigit() and int(p) not in (1, os.getpid(), os.getppid())] or None)
attempt("signal a process outside", lambda: os.kill(told["neighbour"], 0) or True)
attempt("end every process", lambda: os.kill(-1, signal.SIGTERM) or time.sleep(0.2) or not os.path.exists("/proc/1"))


def first_survives(number):
    os.kill(1, number)
    time.sleep(0.2)
    with open("/proc/1/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] not in "SR"


attempt("kill the first process", lambda: first_survives(signal.SIGKILL))
attempt("halt the first process", lambda: first_survives(signal.SIGSTOP))
attempt("limit the first process", lambda: resource.prlimit(1, resource.RLIMIT_CPU, (1, 1)) or True)
attempt("raise an own limit", lambda: resource.setrlimit(resource.RLIMIT_NPROC, (100000, 100000)) or True)
attempt("hide from the killer of processes", lambda: os.setpriority(os.PRIO_PROCESS, 0, -20) or True)
attempt("trace the first process", lambda: libc.ptrace(16, 1, 0, 0) == 0)
attempt("trace the parent", lambda: libc.ptrace(16, os.getppid(), 0, 0) == 0)
attempt("be traced", lambda: libc.ptrace(0, 0, 0, 0) == 0)

# Rights.
attempt("setuid(0)", lambda: os.setuid(0) or True)
attempt("setgid(0)", lambda: os.setgid(0) or True)
attempt("setgroups", lambda: os.setgroups([0]) or True)
attempt("rights by a program with setuid", lambda: b"CapEff:\t0000000000000000" not in subprocess.run(["su", "-c", "cat /proc/self/status"], stdin=subprocess.DEVNULL, capture_output=True).stdout + b"CapEff:\t0000000000000000")
attempt("any right", lambda: [line for line in open("/proc/self/status") if line.startswith("Cap") and int(line.split()[1], 16)] or None)
attempt("new rights", lambda: "NoNewPrivs:\t1" not in open("/proc/self/status").read())

# The network.
host, port = "127.0.0.1", told["port"]
attempt("TCP to 127.0.0.1", lambda: socket.create_connection((host, port), 2) and True)
for address in told["addresses"]:
    attempt("TCP to this computer's address", lambda: socket.create_connection((address, port), 2) and True)
attempt("TCP to the internet", lambda: socket.create_connection(("1.1.1.1", 443), 2) and True)
attempt("the keys of a cloud", lambda: socket.create_connection(("169.254.169.254", 80), 2) and True)
attempt("UDP to the internet", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("1.1.1.1", 53)))
attempt("UDP to 127.0.0.1", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (host, told["udp"])) and None)
attempt("a name", lambda: socket.getaddrinfo("example.org", 443))
attempt("an abstract socket", lambda: socket.socket(socket.AF_UNIX).connect("\0" + told["abstract"]) or True)
attempt("a socket by its path", lambda: socket.socket(socket.AF_UNIX).connect(told["socket"]) or True)
attempt("the node's proxy without a network", lambda: socket.create_connection((host, 3128), 2) and True)
attempt("another interface", lambda: [n for _, n in socket.if_nameindex() if n != "lo"] or None)
for name, family in [("AF_PACKET", 17), ("AF_VSOCK", 40), ("AF_ALG", 38), ("AF_BLUETOOTH", 31), ("AF_XDP", 44), ("AF_KEY", 15)]:
    attempt("a socket of " + name, lambda: socket.socket(family, socket.SOCK_RAW if family == 17 else socket.SOCK_STREAM) and True)
attempt("a raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1) and True)

# The kernel, by numbers of this machine.
if platform.machine() == "x86_64":
    text = ctypes.c_char_p
    numbers = [
        ("mount", 165, text(b"none"), text(b"/tmp"), text(b"tmpfs"), 0, 0),
        ("mount: write to /usr", 165, text(b"none"), text(b"/usr"), 0, 4096 | 32, 0),
        ("umount2", 166, text(b"/task"), 2),
        ("pivot_root", 155, text(b"/tmp"), text(b"/tmp")),
        ("chroot", 161, text(b"/tmp")),
        ("fsopen", 430, text(b"tmpfs"), 0),
        ("open_tree", 428, -100, text(b"/"), 1),
        ("move_mount", 429, -100, text(b"/tmp"), -100, text(b"/tmp"), 0),
        ("mount_setattr", 442, -100, text(b"/usr"), 0, 0, 0),
        ("unshare: a namespace of users", 272, 0x10000000),
        ("unshare: a namespace of mounts", 272, 0x20000),
        ("clone: a namespace of users", 56, 0x10000000 | 17, 0, 0, 0, 0),
        ("clone: a namespace of networks", 56, 0x40000000 | 17, 0, 0, 0, 0),
        ("clone3", 435, 0, 0),
        ("setns", 308, os.open("/proc/self/ns/net", os.O_RDONLY), 0),
        ("open_by_handle_at", 304, -100, 0, 0),
        ("mknod of a device", 133, text(b"/tmp/device"), 0o060600, (254 << 8)),
        ("process_vm_readv", 310, 1, 0, 0, 0, 0, 0),
        ("pidfd_getfd", 438, 3, 0, 0),
        ("kcmp", 312, 1, 1, 0, 0, 0),
        ("add_key", 248, text(b"user"), text(b"x"), text(b"x"), 1, -3),
        ("request_key", 249, text(b"user"), text(b"x"), 0, -3),
        ("keyctl", 250, 0, -3, 1),
        ("bpf", 321, 0, 0, 0),
        ("perf_event_open", 298, 0, 0, -1, -1, 0),
        ("userfaultfd", 323, 1),
        ("io_uring_setup", 425, 8, 0),
        ("memfd_create", 319, text(b"x"), 0),
        ("memfd_secret", 447, 0),
        ("shmget", 29, 0, 1 << 20, 0o1600),
        ("msgget", 68, 0, 0o1600),
        ("sched_setaffinity", 203, 0, 8, ctypes.byref(ctypes.c_uint64(0xFFFF))),
        ("init_module", 175, 0, 0, 0),
        ("finit_module", 313, 0, 0, 0),
        ("kexec_load", 246, 0, 0, 0, 0),
        ("reboot", 169, 0, 0, 0, 0),
        ("swapon", 167, text(b"/tmp/x"), 0),
        ("settimeofday", 164, 0, 0),
        ("sethostname", 170, text(b"x"), 1),
        ("syslog", 103, 3, 0, 0),
        ("iopl", 172, 3),
        ("modify_ldt", 154, 0, 0, 0),
        ("fanotify_init", 300, 0, 0),
        ("quotactl", 179, 0, 0, 0, 0),
        ("acct", 163, 0),
        ("ptrace by its second number", 0x40000000 + 521, 0, 0, 0, 0),
    ]
    for name, number, *args in numbers:
        attempt("call " + name, lambda: call(number, *args))
attempt("type on a terminal", lambda: os.open("/dev/tty", os.O_RDWR) and True)
attempt("be killed last", lambda: write("/proc/self/oom_score_adj") and None)
