"""What the lstm command says of files that are wrong, and that it leaves nothing half-written."""

import os
import resource
import signal
import stat
import struct
import subprocess
import time

import kit
import numpy as np


def npy(descr="<f4", shape="(4, 2, 3)", data=96, order="False", version=b"\x01\x00", text=None):
    """The bytes of an .npy file, right or wrong."""
    if text is None:
        text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n"
    text = text if isinstance(text, bytes) else text.encode()
    size = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return b"\x93NUMPY" + version + size + text + bytes(data)


class Inputs(kit.Case):
    def setUp(self):
        super().setUp()
        self.net, _ = self.model()

    def run_bytes(self, raw):
        self.path("x.npy").write_bytes(raw)
        return ("run", self.net, "-i", self.path("x.npy"), "-o", self.path("y.npy"))

    def refuses_bytes(self, expected, raw):
        self.refuses((self.path("x.npy"), *expected), *self.run_bytes(raw))

    def test_every_version_is_read(self):
        for version in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
            self.does(*self.run_bytes(npy(version=version)))
            self.assertEqual(np.load(self.path("y.npy")).shape, (4, 2, 8))

    def test_dictionaries_of_other_writers_are_read(self):
        for text in (
            "{'shape':(4L,2L,3L),'fortran_order':False,'descr':'<f4'}",
            '  {"descr" : "<f4" , "fortran_order" : False , "shape" : ( 4 , 2 , 3 , ) }  \n',
        ):
            self.does(*self.run_bytes(npy(text=text)))
            self.assertEqual(np.load(self.path("y.npy")).shape, (4, 2, 8))

    def test_types(self):
        for descr, says in (
            (">f4", "'>f4', big-endian float32"), (">f8", "'>f8', big-endian float64"),
            ("<i4", "'<i4', int32"), ("<u8", "'<u8', unsigned int64"), ("<f2", "'<f2', float16"),
            ("<c8", "'<c8', complex64"), ("|b1", "'|b1', bool"), ("|O", "'|O', object"),
            ("<U5", "'<U5', text"), ("", "''"), ("<f", "'<f', float"),
        ):  # fmt: skip
            self.refuses_bytes((": type: expected little-endian float32 or float64", "found " + says),
                               npy(descr))
        lengths = self.array("l.npy", np.array([4.0, 4.0]))
        self.refuses((lengths, "int32 or int64", "'<f8', float64"), *self.run_bytes(npy()),
                     "--lengths", lengths)

    def test_records(self):
        record = np.zeros(3, [("a", "<f4"), ("b", "<f4")])
        self.array("record.npy", record)
        self.refuses_bytes((": type: expected", "[('a', '<f4')"),
                           self.path("record.npy").read_bytes())

    def test_fortran_order(self):
        self.refuses_bytes(("order: expected C order, found Fortran order",), npy(order="True"))

    def test_truncated_anywhere(self):
        whole = npy()
        for size in [0, 1, 6, 9, 11, 12, 20, len(whole) - 97, len(whole) - 96, len(whole) - 1]:
            self.refuses_bytes(("expected",), whole[:size])
        self.refuses_bytes(("data: expected 96 bytes for shape [4, 2, 3], found 95",), whole[:-1])

    def test_too_long(self):
        self.refuses_bytes(("data: expected 96 bytes for shape [4, 2, 3], found 97",), npy(data=97))

    def test_not_an_array(self):
        self.refuses_bytes(("expected a .npy file, found other data",), b"PK\x03\x04" + bytes(100))
        self.refuses_bytes(("version 1.0, 2.0 or 3.0", "found 9.0"), npy(version=b"\x09\x00"))

    def test_bad_dictionaries(self):
        good = "'descr': '<f4', 'fortran_order': False, 'shape': (4, 2, 3)"
        for text in (
            "", "x", "{", "{}", f"{{{good}", f"{{{good}}} x", f"{{{good}, {good}}}",
            f"{{{good}, 'more': 1}}", f"{{{good} 'shape': ()}}", "{'descr': '<f4'}",
            "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (4, 2, 3)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4, -2, 3)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4 2 3)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2, 3)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 3)}",
            "{'descr: \x1b[31m",
        ):  # fmt: skip
            self.refuses_bytes(("header",), npy(text=text))
            self.assertNotIn("\x1b", kit.run(*self.run_bytes(npy(text=text))).stderr.decode())

    def test_shapes(self):
        for shape, count in (("(4, 2, 5)", 40), ("(24,)", 24), ("()", 1), ("(1, 4, 2, 3)", 24)):
            found = "[" + shape.strip("(),") + "]"
            self.refuses_bytes((f"shape: expected [steps, batch, 3] or [steps, 3], as the model's "
                                f"input is 3 wide, found {found}",), npy(shape=shape, data=4 * count))
        self.refuses_bytes(("a batch of 1 to", "found [4, 0, 3]"), npy(shape="(4, 0, 3)", data=0))

    def test_states_and_lengths_of_the_wrong_shape(self):
        arguments = self.run_bytes(npy())
        for name, shape, expected in (
            ("--h0", (1, 3, 8), "[1, 2, 8]"), ("--c0", (2, 2, 8), "[1, 2, 8]"),
            ("--h0", (2, 8), "[1, 2, 8]"), ("--c0", (16,), "[1, 2, 8]"),
        ):  # fmt: skip
            path = self.array("s.npy", np.zeros(shape, "f4"))
            self.refuses((path, f"shape: expected {expected}, found {list(shape)}"), *arguments,
                         name, path)
        path = self.array("l.npy", np.zeros((3,), "i8"))
        self.refuses((path, "shape: expected [2], found [3]"), *arguments, "--lengths", path)

    def test_lengths_out_of_range(self):
        arguments = self.run_bytes(npy())
        for value in (-1, 5, 2**62):
            path = self.array("l.npy", np.array([4, value]))
            self.refuses((path, f"element 1: expected a length of 0 to 4 steps, found {value}"),
                         *arguments, "--lengths", path)

    def test_numbers_beyond_float32(self):
        x = np.zeros((4, 2, 3))
        x[1, 0, 2] = 1e300
        self.array("big.npy", x)
        self.refuses_bytes(("element 8: expected a number in the range of float32, found 1e+300",),
                           self.path("big.npy").read_bytes())
        x[1, 0, 2] = np.inf
        self.array("big.npy", x)
        self.does(*self.run_bytes(self.path("big.npy").read_bytes()))

    def test_missing_files_and_directories(self):
        x, y = self.array("x.npy", np.zeros((4, 2, 3))), self.path("y.npy")
        missing, folder = self.path("missing"), self.path("folder")
        folder.mkdir()
        for option in ("--h0", "--c0", "--lengths"):
            self.refuses((missing, "No such file"), "run", self.net, "-i", x, "-o", y, option,
                         missing)
        self.refuses((missing, "No such file"), "run", self.net, "-i", missing, "-o", y)
        self.refuses((folder, "found a directory"), "run", self.net, "-i", folder, "-o", y)
        self.refuses((missing, "found no file"), "run", missing, "-i", x, "-o", y)
        self.refuses(folder, "run", folder, "-i", x, "-o", y)

    def test_truncated_pipes(self):
        raw = npy(shape="(200000, 4, 3)", data=200000 * 48)
        for layout in ("time", "batch"):
            shaped = raw if layout == "time" else npy(shape="(4, 200000, 3)", data=200000 * 48)
            self.refuses(("standard input: data: expected 9600000 bytes, found 9599999",), "run",
                         self.net, "-i", "-", "-o", self.path("y.npy"), "--layout", layout,
                         stdin=shaped[:-1])
        self.refuses("standard input: expected a .npy file, found no data", "run", self.net, "-i",
                     "-", "-o", self.path("y.npy"), stdin=b"")


class Outputs(kit.Case):
    def setUp(self):
        super().setUp()
        self.net, _ = self.model()
        self.x = self.array("x.npy", np.zeros((4, 2, 3), "f4"))

    def arguments(self, *outputs):
        return ("run", self.net, "-i", self.x, *outputs)

    def test_folders_that_are_missing_or_in_the_way(self):
        lost = self.path("missing") / "y.npy"
        self.refuses((lost, "cannot be written: No such file"), *self.arguments("-o", lost))
        folder = self.path("folder")
        folder.mkdir()
        self.refuses((folder, "cannot be written: Is a directory"), *self.arguments("-o", folder))

    def test_an_output_that_fails_takes_the_others_with_it(self):
        for option in ("--hn", "--cn"):
            self.refuses("No such file", *self.arguments("-o", self.path("y.npy"), option,
                                                         self.path("missing") / "h.npy"))
        y = self.path("y.npy")
        y.write_bytes(b"old")
        self.refuses("No such file", *self.arguments("-o", y, "--hn", self.path("no") / "h.npy"))
        self.assertEqual(y.read_bytes(), b"old")

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("this system has no /dev/full")
        self.refuses("/dev/full: cannot be written: No space left",
                     *self.arguments("-o", "/dev/full"))
        self.refuses("/dev/full: cannot be written: No space left",
                     *self.arguments("-o", self.path("y.npy"), "--cn", "/dev/full"))
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))

    def test_standard_output_that_is_full(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("this system has no /dev/full")
        for arguments in (self.arguments("-o", "-"), ("--help",), ("--version",)):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([kit.PROGRAM, *map(str, arguments)], stdout=full,
                                      stderr=subprocess.PIPE, check=False)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn(b"standard output: cannot be written: No space", done.stderr)

    def test_a_limit_of_the_size(self):
        """The file system's refusal in the middle of a file."""
        x = self.array("x.npy", np.zeros((20000, 2, 3), "f4"))

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

        self.refuses("y.npy: cannot be written: File too large", "run", self.net, "-i", x, "-o",
                     self.path("y.npy"), preexec_fn=limit)

    def test_a_signal_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = sorted(self.folder.iterdir())
            with subprocess.Popen(
                [kit.PROGRAM, "run", self.net, "-i", "-", "-o", self.path("y.npy")],
                stdin=subprocess.PIPE, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
            ) as process:  # whoever runs this may ignore it, as nohup does
                process.stdin.write(npy(shape="(4000000, 1, 3)", data=0))
                process.stdin.flush()
                for _ in range(kit.SECONDS * 20):
                    if len(list(self.folder.iterdir())) > len(before):
                        break
                    time.sleep(0.05)
                self.assertGreater(len(list(self.folder.iterdir())), len(before))
                process.send_signal(number)
                self.assertEqual(process.wait(kit.SECONDS), -number)
            self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_modes_and_links(self):
        y, link = self.path("y.npy"), self.path("link.npy")
        self.does(*self.arguments("-o", y), umask=0o027)
        self.assertEqual(stat.S_IMODE(y.stat().st_mode), 0o640)
        y.chmod(0o604)
        link.symlink_to(y)
        y.write_bytes(b"old")
        self.does(*self.arguments("-o", link))
        self.assertTrue(link.is_symlink())
        self.assertEqual(np.load(y).shape, (4, 2, 8))
        self.assertEqual(stat.S_IMODE(y.stat().st_mode), 0o604)

    def test_in_place(self):
        """The output replaces the input when everything is done."""
        self.does(*self.arguments("-o", self.x))
        self.assertEqual(np.load(self.x).shape, (4, 2, 8))
