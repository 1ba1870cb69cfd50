#!/usr/bin/env python3
"""The page of examples/browser in Chromium, against lstm-vad.

test_browser.py LSTM-VAD FOLDER      FOLDER: what tools/browser-build made; pictures go beside it
"""

import functools
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import chromium

PROGRAM = FOLDER = None
# What rounding products and sums one after the other, and otherwise than lstm-vad, may come to.
TOLERANCE = 1e-5
# The browser's decoder divides samples above zero by 32767, libsndfile by 32768.
DECODED = 2e-4
STATE = "document.body.dataset.state"
LIVE_SECONDS = 9  # until the recording in the fake microphone has spoken and paused


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the folder; what is asked for under /broken/ has no weights."""

    def translate_path(self, path):
        return super().translate_path(path.removeprefix("/broken"))

    def do_GET(self):
        if self.path == "/broken/weights.safetensors":
            self.send_error(404)
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        handler = functools.partial(Quiet, directory=FOLDER)
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.url = f"http://localhost:{cls.server.server_port}/"
        cls.speech = FOLDER / "speech.wav"
        cls.browser = chromium.Chromium(f"--use-file-for-fake-audio-capture={cls.speech}")
        done = subprocess.run(
            [PROGRAM, "--json", "--weights", FOLDER / "weights.safetensors", cls.speech],
            stdout=subprocess.PIPE, check=True,
        )
        cls.expected = json.loads(done.stdout)
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        cls.server.shutdown()
        cls.server.server_close()
        cls.folder.cleanup()

    def open(self, path=""):
        page = self.browser.page(self.url + path)
        self.addCleanup(page.close)
        return page

    def ready(self):
        page = self.open()
        page.until(f"{STATE} === 'ready'")
        return page

    def microphone(self, setting):
        self.browser.call("Browser.setPermission", permission={"name": "microphone"},
                          setting=setting, origin=self.url)

    def status(self, page, state):
        page.until(f"['done', 'error'].includes({STATE})")
        text = page.value("document.getElementById('status').textContent")
        self.assertEqual(page.value(STATE), state, text)
        return text

    def segments(self, page):
        return page.value("[...document.querySelectorAll('#segments li')]"
                          ".map((li) => ({start: +li.dataset.start, end: +li.dataset.end}))")

    def assert_as_lstm_vad(self, page, tolerance=DECODED):
        expected = [{"start": s["start"], "end": s["end"]} for s in self.expected["segments"]]
        self.assertGreater(len(expected), 3)
        self.assertEqual(self.segments(page), expected)
        found = page.value("track.probabilities")
        self.assertEqual(len(found), len(self.expected["probabilities"]))
        pairs = zip(found, self.expected["probabilities"])
        self.assertLess(max(abs(a - b) for a, b in pairs), tolerance)

    def write(self, name, data):
        path = pathlib.Path(self.folder.name) / name
        path.write_bytes(data)
        return path

    def test_the_example_gives_what_lstm_vad_gives(self):
        page = self.open("?file=speech.wav")
        self.assertIn(f"{len(self.expected['segments'])} segments", self.status(page, "done"))
        self.assert_as_lstm_vad(page)
        self.assertFalse(page.value("player.hidden"))

    def test_the_same_samples_give_the_same_probabilities(self):
        page = self.ready()
        page.value("""(async () => {
            const file = new Int16Array(await bytesOf("speech.wav"), 44); // behind its header
            await show(false);
            hear(track, Float32Array.from(file, (sample) => sample / 32768), true);
        })()""")
        self.assert_as_lstm_vad(page, TOLERANCE)

    def test_a_chosen_recording_gives_what_lstm_vad_gives(self):
        page = self.ready()
        page.choose("#file", self.speech)
        self.assertIn("speech.wav", self.status(page, "done"))
        self.assert_as_lstm_vad(page)

    def test_a_dropped_recording_gives_what_lstm_vad_gives(self):
        page = self.ready()
        dragged = page.value("""(async () => {
            const files = new DataTransfer(), on = document.getElementById("picture");
            files.items.add(new File([await bytesOf("speech.wav")], "dropped.wav"));
            const classes = [], refused = [];
            for (const type of ["dragenter", "dragover", "drop"]) {
                refused.push(on.dispatchEvent(new DragEvent(type,
                    {dataTransfer: files, bubbles: true, cancelable: true})));
                classes.push(document.body.classList.contains("dragging"));
            }
            return [classes, refused];
        })()""")
        # Shown while it is over the page; and the browser does not open the file in its stead.
        self.assertEqual(dragged, [[True, True, False], [False, False, False]])
        self.assertIn("dropped.wav", self.status(page, "done"))
        self.assert_as_lstm_vad(page)

    def test_what_is_dropped_without_a_file_is_let_be(self):
        page = self.ready()
        page.value("""document.body.dispatchEvent(new DragEvent("drop",
            {dataTransfer: new DataTransfer(), bubbles: true, cancelable: true}))""")
        self.assertEqual(page.value(STATE), "ready")

    def test_a_second_recording_starts_from_silence(self):
        page = self.ready()
        for _ in range(2):
            page.value("document.getElementById('example').click()")
            self.status(page, "done")
            self.assert_as_lstm_vad(page)

    def test_the_network_runs_on_simd(self):
        page = self.ready()
        name = page.value("newEngine().then((vad) => new TextDecoder().decode("
                          "new Uint8Array(vad.memory.buffer, vad.vad_isa(), 7)))")
        self.assertEqual(name, "simd128")

    def test_what_is_no_recording_is_named(self):
        page = self.ready()
        page.choose("#file", self.write("notes.wav", b"this is not sound\n" * 100))
        self.assertIn("notes.wav: a recording that this browser plays expected",
                      self.status(page, "error"))
        page.choose("#file", self.speech)
        page.until(f"{STATE} === 'done'")
        self.assert_as_lstm_vad(page)

    def test_an_empty_file_is_named(self):
        page = self.ready()
        page.choose("#file", self.write("empty.wav", b""))
        text = self.status(page, "error")
        self.assertIn("empty.wav: ", text)
        self.assertIn("an empty file found", text)

    def test_a_missing_recording_is_named(self):
        page = self.open("?file=missing.wav")
        self.assertIn("missing.wav: a file expected, the server answered 404",
                      self.status(page, "error"))

    def test_missing_weights_are_named(self):
        page = self.open("broken/")
        self.assertIn("weights.safetensors: a file expected", self.status(page, "error"))
        self.assertTrue(page.value("document.getElementById('microphone').disabled"))

    def test_the_microphone_is_heard(self):
        self.microphone("granted")
        page = self.ready()
        page.value("document.getElementById('microphone').click()")
        page.until(f"{STATE} === 'listening'")
        page.until(f"track.samples > {LIVE_SECONDS} * RATE")
        self.assertEqual(page.value("document.getElementById('microphone').textContent"), "Stop")
        page.look(390, 844, dark=True, phone=True)
        time.sleep(0.5)
        page.screenshot(FOLDER / "live.png")
        page.value("document.getElementById('microphone').click()")
        self.assertIn("of the microphone", self.status(page, "done"))
        self.assertGreater(page.value("Math.max(...track.probabilities)"), 0.9)
        self.assertGreaterEqual(len(self.segments(page)), 1)

    def test_a_refused_microphone_is_explained(self):
        self.microphone("denied")
        page = self.ready()
        page.value("document.getElementById('microphone').click()")
        self.assertIn("is not allowed to this page", self.status(page, "error"))
        self.assertFalse(page.value("document.getElementById('microphone').disabled"))

    def test_the_resampler_keeps_a_tone_and_stops_what_would_alias(self):
        page = self.ready()
        for rate, tone, kept in ((48000, 1000, 1), (44100, 1000, 1), (48000, 11000, 0)):
            found = page.value(f"""(() => {{
                const resampler = new Resampler({rate}), out = [];
                for (let at = 0; at < {rate}; at += 128)
                    out.push(...resampler.push(Float32Array.from({{length: 128}},
                        (_, i) => Math.sin(2 * Math.PI * {tone} * (at + i) / {rate}))));
                return [out.length, Math.max(...out.slice(1000, -1000).map(Math.abs))];
            }})()""")
            self.assertLess(abs(found[0] - 16000), 50)
            self.assertLess(abs(found[1] - kept), 0.02, (rate, tone))

    def test_it_fits_a_phone_and_a_desktop(self):
        page = self.open("?file=speech.wav")
        self.status(page, "done")
        for name, width, height in (("phone", 390, 844), ("desktop", 1280, 800)):
            for dark in (False, True):
                page.look(width, height, dark, name == "phone")
                time.sleep(0.3)
                page.screenshot(FOLDER / f"{name}-{'dark' if dark else 'light'}.png")
                self.assertTrue(page.value("document.documentElement.scrollWidth === "
                                           "document.documentElement.clientWidth"), name)
                self.assertEqual(page.value("Math.round(document.getElementById('picture').width"
                                            " / devicePixelRatio - document.getElementById("
                                            "'picture').clientWidth)"), 0)

    def test_it_asks_nobody_else_for_anything(self):
        page = self.open("?file=speech.wav")
        self.status(page, "done")
        asked = page.value("performance.getEntriesByType('resource').map((one) => one.name)")
        own = (self.url, "blob:" + self.url)
        self.assertEqual([name for name in asked if not name.startswith(own)], [])


def main():
    global PROGRAM, FOLDER
    if len(sys.argv) != 3:
        print(__doc__.rstrip(), file=sys.stderr)
        return 2
    PROGRAM, FOLDER = (pathlib.Path(word).resolve() for word in sys.argv[1:])
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Browser)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed, skipped = len(result.failures) + len(result.errors), len(result.skipped)
    passed = max(0, result.testsRun - failed - skipped)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
