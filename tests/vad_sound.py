"""Sound files for test_vad.py: made with the wave module, and with the libraries that lstm-vad
itself is linked with where a format or a rate needs them."""

import array
import ctypes
import ctypes.util
import struct
import wave

RATE = 16000


def read_wave(path):
    """The samples of a 16 kHz mono 16-bit file."""
    with wave.open(str(path)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        return array.array("h", sound.readframes(sound.getnframes()))


def write_wave(path, samples, rate=RATE, channels=1):
    """16 bit; samples of several channels are interleaved."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(array.array("h", samples).tobytes())


def write_wave24(path, samples):
    """The same loudness as the 16-bit samples given."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(3)
        sound.setframerate(RATE)
        sound.writeframes(b"".join((s * 256).to_bytes(3, "little", signed=True) for s in samples))


def write_wave_float(path, values, rate=RATE, channels=1):
    """32-bit floats, which the wave module does not write; several channels are interleaved."""
    data = struct.pack(f"<{len(values)}f", *values)
    form = struct.pack("<HHIIHH", 3, channels, rate, 4 * channels * rate, 4 * channels, 32)
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


def library(name):
    """The shared library, or None."""
    found = ctypes.util.find_library(name)
    return ctypes.CDLL(found) if found else None


class SoundInfo(ctypes.Structure):
    """SF_INFO of libsndfile."""

    _fields_ = [
        ("frames", ctypes.c_int64),
        ("samplerate", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("format", ctypes.c_int),
        ("sections", ctypes.c_int),
        ("seekable", ctypes.c_int),
    ]


def write_flac(sndfile, path, samples):
    """16 bit, through libsndfile."""
    write_mode, flac, pcm_16 = 0x20, 0x170000, 0x0002
    info = SoundInfo(0, RATE, 1, flac | pcm_16, 0, 0)
    sndfile.sf_open.restype = ctypes.c_void_p
    sndfile.sf_write_short.restype = ctypes.c_int64
    sndfile.sf_write_short.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    sndfile.sf_close.argtypes = (ctypes.c_void_p,)
    handle = sndfile.sf_open(str(path).encode(), write_mode, ctypes.byref(info))
    data = (ctypes.c_short * len(samples))(*samples)
    assert handle and sndfile.sf_write_short(handle, data, len(samples)) == len(samples)
    assert sndfile.sf_close(handle) == 0


class Conversion(ctypes.Structure):
    """SRC_DATA of libsamplerate."""

    _fields_ = [
        ("data_in", ctypes.POINTER(ctypes.c_float)),
        ("data_out", ctypes.POINTER(ctypes.c_float)),
        ("input_frames", ctypes.c_long),
        ("output_frames", ctypes.c_long),
        ("input_frames_used", ctypes.c_long),
        ("output_frames_gen", ctypes.c_long),
        ("end_of_input", ctypes.c_int),
        ("src_ratio", ctypes.c_double),
    ]


def convert(samplerate, samples, rate):
    """16 kHz samples at another rate, through libsamplerate's sinc converter of medium quality."""
    medium = 1
    room = len(samples) * rate // RATE + 1000
    data_in = (ctypes.c_float * len(samples))(*(s / 32768 for s in samples))
    data_out = (ctypes.c_float * room)()
    data = Conversion(data_in, data_out, len(samples), room, 0, 0, 1, rate / RATE)
    assert samplerate.src_simple(ctypes.byref(data), medium, 1) == 0
    made = data_out[: data.output_frames_gen]
    return array.array("h", (max(-32768, min(32767, round(v * 32768))) for v in made))
