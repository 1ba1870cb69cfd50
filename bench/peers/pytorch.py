"""PyTorch's LSTM for bench/peers/pytorch.c: commands on standard input, answers on standard output.

    create MODE DTYPE INPUT HIDDEN LAYERS DIRECTIONS BATCH STEPS STREAMS, then w, u and b of each layer
        and direction as fp32                        -> ok
    run DTYPE STREAM, then x[steps][batch][input]    -> y[steps][batch][directions * hidden]
    time DTYPE COUNT                                 -> the ns of so many calls, as a line
    each DTYPE COUNT                                 -> the ns of each of so many calls, as fp64

There is one model of each type at a time: the one that was created last.

The time is that of the calls alone, taken here with the same kind of clock, and taken again if
another process had the CPU meanwhile.  It includes what Python adds to a call; torch.lstm is called
and not the module around it, to keep that small.  With int8 the module is what
quantize_dynamic makes: a scale per tensor, x and h quantized in each call and step by the engine of
this build of PyTorch."""

import resource
import sys
import time

import numpy
import torch

TRIES = 6
LONG = 20_000_000  # ns: not repeated beyond


def read(count: int) -> torch.Tensor:
    data = sys.stdin.buffer.read(4 * count)
    return torch.from_numpy(numpy.frombuffer(data, numpy.float32).copy())


class Peer:
    def __init__(self, mode, dtype, sizes):
        self.input, hidden, self.layers, directions, self.batch, self.steps, streams = sizes
        self.stack = mode == "stack"
        self.x = torch.zeros(self.steps, self.batch, self.input)
        self.weights = []
        self.both = directions == 2
        zero = torch.zeros(self.layers * directions, self.batch, hidden)
        self.states = [(zero, zero)] * streams
        self.next = 0
        for layer in range(self.layers):
            width = self.input if layer == 0 else directions * hidden
            for _ in range(directions):
                self.weights += [
                    read(4 * hidden * width).view(4 * hidden, width),
                    read(4 * hidden * hidden).view(4 * hidden, hidden),
                    read(4 * hidden),
                    torch.zeros(4 * hidden),
                ]
        self.module = self.quantized(hidden) if dtype == "int8" else None

    def quantized(self, hidden):
        lstm = torch.nn.LSTM(self.input, hidden, self.layers, bidirectional=self.both)
        for parameter, values in zip(lstm.parameters(), self.weights):
            parameter.copy_(values)
        whole = torch.nn.Sequential(lstm)
        return torch.quantization.quantize_dynamic(whole, {torch.nn.LSTM}, torch.qint8)[0]

    def call(self, stream):
        state = self.states[stream]
        if self.module:
            y, state = self.module(self.x, state)
            if not self.stack:
                self.states[stream] = state
            return y
        y, h, c = torch.lstm(
            self.x, state, self.weights, True, self.layers, 0.0, False, self.both, False
        )
        if not self.stack:
            self.states[stream] = (h, c)
        return y

    def turn(self):
        self.call(self.next)
        self.next = (self.next + 1) % len(self.states)

    def run(self, stream):
        self.x = read(self.x.numel()).view(self.x.shape)
        sys.stdout.buffer.write(self.call(stream).contiguous().numpy().tobytes())

    def time(self, count):
        for _ in range(TRIES):
            preemptions = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
            before = time.process_time_ns()
            for _ in range(count):
                self.turn()
            ns = time.process_time_ns() - before
            if resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw == preemptions or ns > LONG:
                break
        sys.stdout.buffer.write(b"%d\n" % ns)

    def each(self, count):
        ns = numpy.zeros(count)
        for k in range(count):
            before = time.perf_counter_ns()
            self.turn()
            ns[k] = time.perf_counter_ns() - before
        sys.stdout.buffer.write(ns.tobytes())


def main():
    torch.set_num_threads(1)
    peers = {}
    sys.stdout.buffer.write(b"ready " + torch.__version__.encode() + b"\n")
    sys.stdout.buffer.flush()
    with torch.inference_mode():
        for line in iter(sys.stdin.buffer.readline, b""):
            command, *words = line.decode().split()
            if command == "create":
                peers[words[1]] = Peer(words[0], words[1], [int(word) for word in words[2:]])
                sys.stdout.buffer.write(b"ok\n")
            else:
                getattr(peers[words[0]], command)(int(words[1]))
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
