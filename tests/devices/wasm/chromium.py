"""A headless Chromium, driven through the DevTools protocol over two pipes."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

FLAGS = [
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check",
    "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--mute-audio", "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required", "--force-color-profile=srgb",
]
PATIENCE = 120  # seconds


def program():
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Chromium:
    """with Chromium() as browser: page = browser.page(url)"""

    def __init__(self, *flags):
        self.home = tempfile.mkdtemp(prefix="chromium-")
        inner_in, self.out = os.pipe()
        self.inp, inner_out = os.pipe()
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        # The protocol is spoken on descriptors 3 and 4.
        script = f'exec "$0" "$@" 3<&{inner_in} 4>&{inner_out}'
        self.process = subprocess.Popen(
            ["sh", "-c", script, program(), *FLAGS, *sandbox, f"--user-data-dir={self.home}",
             *flags, "about:blank"],
            pass_fds=(inner_in, inner_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "HOME": self.home},
        )
        os.close(inner_in)
        os.close(inner_out)
        self.received = b""
        self.last = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.inp)
        os.close(self.out)
        shutil.rmtree(self.home, ignore_errors=True)

    def message(self):
        while b"\0" not in self.received:
            more = os.read(self.inp, 1 << 16)
            if not more:
                raise RuntimeError("chromium ended")
            self.received += more
        text, self.received = self.received.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **params):
        self.last += 1
        request = {"id": self.last, "method": method, "params": params}
        if session:
            request["sessionId"] = session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        while True:
            reply = self.message()
            if reply.get("id") == self.last:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']['message']}")
                return reply["result"]

    def page(self, url):
        return Page(self, url)


class Page:
    def __init__(self, browser, url):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=target, flatten=True)
        self.target, self.session = target, attached["sessionId"]
        self.call("Page.enable")
        self.call("Page.navigate", url=url)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def value(self, expression):
        """What a JavaScript expression comes to."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                         awaitPromise=True, userGesture=True)
        if "exceptionDetails" in done:
            raise RuntimeError(f"{expression}: {done['result'].get('description')}")
        return done["result"].get("value")

    def until(self, expression):
        """Wait until it is true."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if self.value(expression):
                    return
            except RuntimeError:  # the page is still being loaded
                pass
            time.sleep(0.1)
        raise RuntimeError(f"{expression}: not true after {PATIENCE} s")

    def choose(self, selector, path):
        """Give a file to an <input type=file>."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def look(self, width, height, dark, phone):
        """The size of the window, and which of the two color schemes it prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self, path):
        shot = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
