"""What a process takes from itself before it loads what may be code of somebody else's: network, processes, files.

Landlock holds the files (read what Python and its packages are made of, write one folder), seccomp the rest: no
sockets, no other processes, no changes of rights and times, no memory that the limit would not count. Both need no
privileges and no helper, and hold for root too, so this works as a user, as root, and in a container, where namespaces
are often refused. There is no way back out, and nothing is loaded where the kernel cannot do this.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_build.errors import SourceError

SECONDS, MEMORY = "MODELPORT_SANDBOX_SECONDS", "MODELPORT_SANDBOX_BYTES"
_DEFAULT_SECONDS = 1800
_LARGEST_FILE = 16 << 30
_MOST_FILES = 1024
_SYSTEM = (
    "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/urandom", "/dev/random", "/dev/zero",
    "/dev/null", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/self/cmdline",
    "/sys/devices", "/sys/bus/pci", "/sys/fs/cgroup",
)  # fmt: skip
"""What the loader and libraries of numbers read as they start. Nothing of the user's, and no process's environment.

Its own command line is for TensorFlow, which ends without it.
"""
_KEPT = (
    "PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHASHSEED", "PYTHONUNBUFFERED",
    "PYTHONWARNINGS", "VIRTUAL_ENV", "MODELPORT_CACHE_DIR", "MODELPORT_DATA_DIR", "ORT_DISABLE_TELEMETRY",
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
)  # fmt: skip
_INSIDE = ".sandbox"

# struct landlock_ruleset_attr and its rights, by the first ABI that knows them (linux/landlock.h)
_EXECUTE, _WRITE, _READ, _LIST, _TRUNCATE, _IOCTL = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: _TRUNCATE, 5: _IOCTL}
_FILE_RIGHTS = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL
_NETWORK, _SCOPES = 0b11, 0b11

_NUMBERS: Mapping[str, Mapping[str, int]] = {
    # name: (x86_64, aarch64); -1 where there is none
    machine: {name: pair[at] for name, pair in {
        "fork": (57, -1), "vfork": (58, -1), "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117),
        "socket": (41, 198), "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
        "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
        "pidfd_send_signal": (424, 424), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
        "process_madvise": (440, 440), "io_uring_setup": (425, 425), "bpf": (321, 280), "perf_event_open": (298, 241),
        "userfaultfd": (323, 282), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
        "chroot": (161, 51), "unshare": (272, 97), "setns": (308, 268), "move_mount": (429, 429),
        "open_tree": (428, 428), "fsopen": (430, 430), "fsmount": (432, 432), "mount_setattr": (442, 442),
        "open_by_handle_at": (304, 265), "fanotify_init": (300, 262), "keyctl": (250, 219), "add_key": (248, 217),
        "request_key": (249, 218), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
        "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224),
        "swapoff": (168, 225), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
        "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162), "acct": (163, 89),
        "quotactl": (179, 60), "quotactl_fd": (443, 443), "syslog": (103, 116), "iopl": (172, -1), "ioperm": (173, -1),
        "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
        "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "setrlimit": (160, 164),
        "truncate": (76, 45), "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, -1),
        "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6),
        "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
        "utime": (132, -1), "utimes": (235, -1), "futimesat": (261, -1), "utimensat": (280, 88),
    }.items()}
    for at, machine in enumerate(("x86_64", "aarch64"))
}  # fmt: skip
"""System calls that are refused whatever they are asked."""
_CLONE, _CLONE3, _TGKILL, _PRLIMIT, _MMAP = (
    {"x86_64": x86, "aarch64": arm} for x86, arm in ((56, 220), (435, 435), (234, 131), (302, 261), (9, 222))
)
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LATER = 450
"""System calls that the kernel got since: programs do without them where they are told so."""
_ALLOW, _REFUSE, _UNKNOWN, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38, 0x80000000


@dataclass(frozen=True)
class Sandbox:
    """What a worker may have. `reads`: files and folders in full; `lists`: folders whose names alone it may see."""

    reads: tuple[str, ...]
    lists: tuple[str, ...]
    seconds: int
    memory: int

    @classmethod
    def given(cls, reads: Iterable[Path] = (), lists: Iterable[Path] = ()) -> "Sandbox":
        """With the limits of the machine, or what the environment says. Raises SourceError for a limit that is none."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4
        return cls(
            tuple(str(path.resolve()) for path in reads),
            tuple(str(path.resolve()) for path in lists),
            _number(SECONDS, _DEFAULT_SECONDS),
            _number(MEMORY, memory),
        )

    def environment(self, folder: Path) -> dict[str, str]:
        """What is left of this process's environment: no key, no password, nobody's credentials."""
        inside = str(folder / _INSIDE)
        kept = {key: value for key, value in os.environ.items() if key in _KEPT or key.startswith("LC_")}
        # What joblib would ask another program and other processes for, it is told.
        told = {"LOKY_MAX_CPU_COUNT": str(os.cpu_count() or 1), "JOBLIB_MULTIPROCESSING": "0"}
        return {**kept, **told, "HOME": inside, "TMPDIR": inside, "PYTHONDONTWRITEBYTECODE": "1"}


def require(what: str) -> None:
    """Raise SourceError where this machine has no sandbox to load `what` in."""
    if why := missing():
        raise SourceError(
            f"{what} may run code when it is loaded and this machine has no sandbox for it ({why}), expected Linux "
            "5.13 or newer with Landlock and seccomp; build on such a machine, or hand in ONNX or a .skops file"
        )


def missing() -> str:
    """What this machine lacks; empty where it has all."""
    if sys.platform != "linux" or platform.machine() not in _AUDIT:
        return f"{sys.platform} on {platform.machine()}"
    if _abi() < 1:
        return "its kernel has no Landlock, or does not let this process use it"
    try:
        return "" if "Seccomp:" in Path("/proc/self/status").read_text() else "its kernel has no seccomp"
    except OSError:
        return "/proc is not there"


def prepare(folder: Path) -> None:
    (folder / _INSIDE).mkdir()


def enter(sandbox: Sandbox, folder: Path) -> None:
    """Give all else away, for good. To be called by a process of one thread, before anything is imported for the work.

    Raises OSError where the kernel refuses a part of it: then nothing may be loaded.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _limits(sandbox)
    _call(libc.prctl(38, 1, 0, 0, 0))  # PR_SET_NO_NEW_PRIVS
    _files(libc, sandbox, folder)
    _privileges(libc)
    _calls(libc)


def settle(folder: Path) -> None:
    """Take away what the sandbox had for itself, and refuse what leads out of the folder or is no file."""
    import shutil

    shutil.rmtree(folder / _INSIDE, ignore_errors=True)
    for place, below, names in os.walk(folder):
        for name in (*below, *names):
            path = Path(place) / name
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise SourceError(
                    f"what was loaded left {name!r} behind, which is no plain file, expected the model alone; do not "
                    "use it"
                )


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if text and not (text.isdecimal() and int(text) > 0):
        raise SourceError(f"{name} is {text!r}, expected a whole number above 0; correct or unset it")
    return int(text) if text else default


def _limits(sandbox: Sandbox) -> None:
    files = min(_MOST_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    for limit, value in (
        (resource.RLIMIT_DATA, sandbox.memory),
        (resource.RLIMIT_FSIZE, _LARGEST_FILE),
        (resource.RLIMIT_NOFILE, files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))


def _abi() -> int:
    """The version of Landlock that the kernel has; below 1 where it has none."""
    return int(ctypes.CDLL(None, use_errno=True).syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def _files(libc: Any, sandbox: Sandbox, folder: Path) -> None:
    abi = _abi()
    handled = sum(rights for since, rights in _RIGHTS.items() if abi >= since)
    attributes = struct.pack("=QQQ", handled, _NETWORK if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = _call(libc.syscall(444, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0)))
    try:
        for places, rights in (
            ((*_SYSTEM, *_python(), *sandbox.reads), _READ | _LIST),
            (sandbox.lists, _LIST),
            (("/dev/null",), _READ | _WRITE),
            ((str(folder.resolve()),), handled & ~_EXECUTE & ~_IOCTL & ~(1 << 6 | 1 << 9 | 1 << 10 | 1 << 11)),
        ):
            for place in places:
                _allow(libc, rules, place, rights & handled)
        _call(libc.syscall(446, rules, ctypes.c_uint32(0)))
    finally:
        os.close(rules)


def _python() -> list[str]:
    """Where this Python and what is installed for it lie."""
    found = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(sys.executable).resolve().parent.parent)}
    found |= {entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))}
    return sorted(place for place in found if place != "/")


def _allow(libc: Any, rules: int, place: str, rights: int) -> None:
    try:
        opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return  # and what this user cannot reach without a sandbox
    try:
        if not Path(place).is_dir():
            rights &= _FILE_RIGHTS
        if rights:
            _call(libc.syscall(445, rules, 1, struct.pack("=Qi", rights, opened), ctypes.c_uint32(0)))
    finally:
        os.close(opened)


def _privileges(libc: Any) -> None:
    """Root keeps what lets it read files of others, which Landlock holds, and nothing else."""
    number = {"x86_64": 126, "aarch64": 91}[platform.machine()]
    kept = (1 << 1 | 1 << 2) if os.geteuid() == 0 else 0  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    header, data = struct.pack("=Ii", 0x20080522, 0), bytearray(24)
    _call(libc.syscall(number - 1, header, (ctypes.c_char * len(data)).from_buffer(data)))  # capget
    held = struct.unpack("=6I", data)[1]
    _call(libc.syscall(number, header, struct.pack("=6I", kept & held, kept & held, 0, 0, 0, 0)))


def _calls(libc: Any) -> None:
    """A program for seccomp: refuse by number, and by argument what programs need one form of."""
    machine = platform.machine()
    load, equal, least, bits, back = 0x20, 0x15, 0x35, 0x45, 0x06
    lines: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4), (equal, 1, 0, _AUDIT[machine]), (back, 0, 0, _KILL), (load, 0, 0, 0),
        (least, 0, 1, _LATER), (back, 0, 0, _UNKNOWN), (equal, 0, 1, _CLONE3[machine]), (back, 0, 0, _UNKNOWN),
        # clone: threads, and no processes
        (equal, 0, 4, _CLONE[machine]), (load, 0, 0, 16), (bits, 1, 0, 0x10000), (back, 0, 0, _REFUSE),
        (back, 0, 0, _ALLOW),
        # tgkill: this process alone
        (equal, 0, 4, _TGKILL[machine]), (load, 0, 0, 16), (equal, 1, 0, os.getpid()), (back, 0, 0, _REFUSE),
        (back, 0, 0, _ALLOW),
        # prlimit64: to ask
        (equal, 0, 6, _PRLIMIT[machine]), (load, 0, 0, 32), (equal, 0, 2, 0), (load, 0, 0, 36), (equal, 1, 0, 0),
        (back, 0, 0, _REFUSE), (back, 0, 0, _ALLOW),
        # mmap: not of memory that is shared with nobody's file, which no limit counts
        (equal, 0, 5, _MMAP[machine]), (load, 0, 0, 40), (0x54, 0, 0, 0x21), (equal, 0, 1, 0x21),
        (back, 0, 0, _REFUSE), (back, 0, 0, _ALLOW),
    ]  # fmt: skip
    numbers = sorted(number for number in _NUMBERS[machine].values() if number >= 0)
    lines += [(equal, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    lines += [(back, 0, 0, _ALLOW), (back, 0, 0, _REFUSE)]
    code = b"".join(struct.pack("=HBBI", *line) for line in lines)
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(lines), ctypes.addressof(held))
    _call(libc.prctl(22, ctypes.c_ulong(2), program, 0, 0))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _call(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"the sandbox cannot be entered: {os.strerror(number)}")
    return answer
