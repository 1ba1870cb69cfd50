"""Read objdump's output: functions, their loops, and which registers hold stack addresses.

Two dialects, Intel's syntax of x86-64 and that of AArch64, reduced to the same few facts about each
instruction.  Both name the destination first, which keeps this short."""

import re
from collections import namedtuple

# written: registers; stores: texts of memory operands; loads: (vectors, single numbers) of memory
# operands, one of them 0; kind: fma, dot (of int8), signed (a dot of magnitudes, whose signs are
# loaded beside them), matrix (a dot of AMX), conversion (of whole numbers), scalar, broadcast, call,
# division or other.
Facts = namedtuple("Facts", "written loads stores kind")
# A memory operand: the registers of its address, and its text with the registers' one name.
Memory = namedtuple("Memory", "registers text")
Instruction = namedtuple("Instruction", "address name operands text facts memory")
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S.*)$")
LABEL = re.compile(r"^[0-9a-f]+ <(.+)>:$")


def split(operands):
    """Operands at the commas outside brackets and braces."""
    parts, depth, current = [], 0, ""
    for c in operands:
        depth += (c in "[{") - (c in "]}")
        if c == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += c
    return [part for part in [*parts, current.strip()] if part]


class X86:
    """x86-64, objdump -M intel."""

    stack, frame, comment = "rsp", "rbp", "#"
    _legacy = {
        **{f"{p}{r}x": f"r{r}x" for r in "abcd" for p in ("r", "e", "")},
        **{f"{r}{half}": f"r{r}x" for r in "abcd" for half in "lh"},
        **{f"{p}{r}": f"r{r}" for r in ("si", "di", "bp", "sp") for p in ("r", "e", "")},
        **{f"{r}l": f"r{r}" for r in ("si", "di", "bp", "sp")},
    }
    _reads = re.compile(r"^(v?u?comis|cmp|test|push|bt$|ptest|vptest|vtest|nop|prefetch|vldmxcsr)")
    _jump = re.compile(r"^(bnd |notrack )?j[a-z]+$")

    @classmethod
    def register(cls, text):
        text = text.split("{")[0]
        found = re.fullmatch(r"[xyz]mm(\d+)", text)
        if found:
            return f"v{found[1]}"
        found = re.fullmatch(r"tmm(\d+)", text)
        if found:
            return f"t{found[1]}"
        found = re.fullmatch(r"(r\d+)[dwb]?", text)
        return found[1] if found else cls._legacy.get(text)

    @classmethod
    def memory(cls, operand):
        found = re.search(r"\[(.*)\]", operand)
        if not found:
            return None
        parts = re.split(r"([-+*])", found[1])
        registers = [cls.register(part) or ("rip" if part == "rip" else None) for part in parts]
        text = "".join(register or part for register, part in zip(registers, parts))
        return Memory([register for register in registers if register], text)

    @classmethod
    def target(cls, name, operands):
        """Where a jump goes: an address, None for a place not written here, False: no jump."""
        if not cls._jump.match(name):
            return False
        found = re.match(r"([0-9a-f]+) <", operands[0]) if operands else None
        return int(found[1], 16) if found else None

    @staticmethod
    def falls_through(name):
        return not re.match(r"^(notrack )?jmp$|^ret|^ud2|^hlt", name)

    @classmethod
    def facts(cls, name, operands, memory):
        first = operands[0] if operands else ""
        written, loads, stores, kind = [], [], [], "other"
        if name.startswith("call"):
            return Facts(["rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"], [], [],
                         "call")
        if name in ("push", "pop"):
            memory = Memory(["rsp"], "rsp")
        if cls._jump.match(name) or name in ("lea", "nop", "nopw") or name.startswith("prefetch"):
            return Facts([cls.register(first)] if name == "lea" else [], [], [], "other")
        if re.match(r"vfn?m(add|sub)\d*(ps|pd)$", name):
            kind = "fma"
        elif name == "vpdpbusd":
            kind = "dot"
        elif name.startswith("tdp"):
            kind = "matrix"
        elif name == "vcvtdq2ps":
            kind = "conversion"
        elif name == "vpmaddubsw":  # of magnitudes; what follows adds its products up
            kind = "signed"
        elif re.match(r"v?(fn?m(add|sub)\d*|add|sub|mul|div|min|max|sqrt|rcp|rsqrt)(ss|sd)$", name):
            kind = "scalar"
        elif re.match(r"vdiv|vsqrt", name):
            kind = "division"
        reads_only = cls._reads.match(name)
        if cls.register(first) and not reads_only:
            written.append(cls.register(first))
        if memory and "[" in first and not reads_only:
            stores.append(memory.text)
        elif memory:
            spread = "broadcast" in name or any("BCST" in operand for operand in operands)
            single = name.endswith(("ss", "sd")) and kind not in ("dot", "signed")
            vector = (cls.register(first) or "").startswith(("v", "t")) and not single
            loads.append((1, 0) if vector and not spread else (0, 1))
            if spread and kind == "other":
                kind = "broadcast"
        return Facts(written, loads, stores, kind)

    @classmethod
    def derives(cls, instruction):
        """Registers whose stack addresses the first operand inherits."""
        name, operands = instruction.name, instruction.operands
        if name == "lea":
            return instruction.memory.registers
        if name == "mov" or name.startswith("cmov"):
            sources = operands[1:] + (operands[:1] if name != "mov" else [])
        elif name in ("add", "sub", "and", "or", "inc", "dec"):
            sources = operands
        else:
            sources = []
        return [cls.register(operand) for operand in sources if "[" not in operand]


class Arm:
    """AArch64, as objdump writes it."""

    stack, frame, comment = "sp", "x29", "//"
    _jump = re.compile(r"^(b|b\..*|cbn?z|tbn?z|br)$")

    @staticmethod
    def register(text):
        if text in ("sp", "wsp"):
            return "sp"
        found = re.fullmatch(r"[xw](\d+|zr)", text)
        if found:
            return f"x{found[1]}"
        found = re.fullmatch(r"\{?[vqdsh](\d+)(\.\d*[bhsd](\[\d+\])?)?\}?", text)
        return f"v{found[1]}" if found else None

    @classmethod
    def memory(cls, operand):
        found = re.search(r"\[(.*?)\]", operand)
        if not found or operand.startswith(("v", "{")):
            return None
        parts = [part.strip() for part in found[1].split(",")]
        registers = [cls.register(part) for part in parts]
        text = ",".join(register or part for register, part in zip(registers, parts))
        return Memory([register for register in registers if register], text)

    @classmethod
    def target(cls, name, operands):
        if not cls._jump.match(name):
            return False
        found = re.match(r"([0-9a-f]+) <", operands[-1])
        return int(found[1], 16) if found else None

    @staticmethod
    def falls_through(name):
        return name not in ("b", "br", "ret", "udf", "brk")

    @classmethod
    def facts(cls, name, operands, memory):
        written, loads, stores, kind = [], [], [], "other"
        first = operands[0] if operands else ""
        if name in ("bl", "blr"):
            return Facts([f"x{n}" for n in range(19)], [], [], "call")
        if cls._jump.match(name) or re.match(r"^(cmp|cmn|tst|ccmp|msr|nop|fcmpe?|prfm)$", name):
            return Facts([], [], [], kind)
        if re.match(r"fml[as]$", name) and ".4s" in first:
            kind = "fma"
        elif name in ("sdot", "sadalp"):  # what precedes the latter makes the products
            kind = "dot"
        elif re.match(r"f(div|sqrt)$", name) and ".4s" in first:
            kind = "division"
        elif re.match(r"f(n?m(add|sub|ul)|add|sub|div|sqrt|ml[as])$", name) and ".4s" not in first:
            kind = "scalar"
        last = operands[-1] if operands else ""
        if memory and (last.endswith("!") or not last.endswith("]")):
            written.append(memory.registers[0])  # the address is moved on
        if name.startswith("st"):
            stores.append(memory.text)
            return Facts(written, loads, stores, kind)
        pair = 2 if name in ("ldp", "ldnp") else 1
        written += [cls.register(operand) for operand in operands[:pair]]
        if name == "ld1":
            written += [f"v{n}" for n in re.findall(r"v(\d+)\.", first)]
            loads.append((len(re.findall(r"v\d+\.4[sh]", first)), 0))
        elif name == "ld1r":
            loads.append((0, 1))
            kind = "broadcast"
        elif memory:
            loads.append((pair, 0) if first.startswith(("q", "d")) else (0, pair))
            if first.startswith("s") and first != "sp":
                kind = "broadcast"  # floats, used by element
        return Facts([register for register in written if register], loads, stores, kind)

    @classmethod
    def derives(cls, instruction):
        if instruction.name not in ("mov", "add", "sub", "and", "csel"):
            return []
        return [cls.register(operand) for operand in instruction.operands[1:]]


def instruction_of(dialect, address, text):
    text = re.split(rf"\s+{dialect.comment}", text)[0].strip()
    words = text.split(None, 1)
    while words[0] in ("bnd", "notrack", "rep", "repz", "lock", "data16", "cs", "{vex}",
                       "{evex}") and len(words) > 1:
        words = words[1].split(None, 1)
    name, operands = words[0], split(words[1]) if len(words) > 1 else []
    memory = next(filter(None, map(dialect.memory, operands)), None)
    return Instruction(address, name, operands, text,
                       dialect.facts(name, operands, memory), memory)


def functions(dialect, listing):
    """{name: instructions} of objdump -d --no-show-raw-insn."""
    found, current = {}, None
    for line in listing.splitlines():
        label = LABEL.match(line)
        if label:
            current = found.setdefault(label[1], [])
            continue
        match = LINE.match(line)
        if match and current is not None and not match[2].startswith("..."):
            current.append(instruction_of(dialect, int(match[1], 16), match[2].strip()))
    return found


class Graph:
    """The blocks of one function: lists of instructions, and who follows whom."""

    def __init__(self, dialect, instructions):
        self.dialect = dialect
        first, last = instructions[0].address, instructions[-1].address
        jumps = {i.address: dialect.target(i.name, i.operands) for i in instructions}
        leaders = {first, *(t for t in jumps.values() if t and first <= t <= last)}
        for before, after in zip(instructions, instructions[1:]):
            if jumps[before.address] is not False or not dialect.falls_through(before.name):
                leaders.add(after.address)
        self.blocks, at = [], {}
        for i in instructions:
            if i.address in leaders:
                at[i.address] = len(self.blocks)
                self.blocks.append([])
            self.blocks[-1].append(i)
        self.follow = [set() for _ in self.blocks]
        unknown = []
        for n, block in enumerate(self.blocks):
            jump = jumps[block[-1].address]
            if jump in at and jump is not False:
                self.follow[n].add(at[jump])
            elif jump is None:
                unknown.append(n)
            if dialect.falls_through(block[-1].name) and n + 1 < len(self.blocks):
                self.follow[n].add(n + 1)
        # A jump through a table goes wherever nothing else goes.
        entered = {0}.union(*self.follow)
        for n in unknown:
            self.follow[n] |= set(range(len(self.blocks))) - entered
        self.before = [set() for _ in self.blocks]
        for n, after in enumerate(self.follow):
            for m in after:
                self.before[m].add(n)

    def loops(self):
        """The innermost loops, each a sorted list of block numbers."""
        state, bodies = [0] * len(self.blocks), {}
        for root in range(len(self.blocks)):
            trail = [] if state[root] else [(root, iter(sorted(self.follow[root])))]
            state[root] = state[root] or 1
            while trail:
                n, rest = trail[-1]
                m = next(rest, None)
                if m is None:
                    state[n] = 2
                    trail.pop()
                elif state[m] == 1:
                    bodies.setdefault(m, {m}).update(self.body(m, n))
                elif state[m] == 0:
                    state[m] = 1
                    trail.append((m, iter(sorted(self.follow[m]))))
        return [sorted(body) for head, body in bodies.items()
                if not any(other != head and other in body for other in bodies)]

    def body(self, head, tail):
        body, work = {head, tail}, [tail]
        while work:
            n = work.pop()
            if n != head:
                work += self.before[n] - body
                body |= self.before[n]
        return body

    def stack_addresses(self):
        """For each block the registers and stack slots that may hold a stack address at its
        start."""
        held = [set() for _ in self.blocks]
        work = set(range(len(self.blocks)))
        while work:
            n = work.pop()
            after = set(held[n])
            for i in self.blocks[n]:
                self.step(i, after)
            for m in self.follow[n]:
                if not after <= held[m]:
                    held[m] |= after
                    work.add(m)
        return held

    def on_stack(self, i, held):
        """Whether the instruction's memory operand lies on the stack."""
        if i.name in ("push", "pop"):
            return True
        memory = i.memory
        return bool((i.facts.loads or i.facts.stores) and memory and any(
            register == self.dialect.stack or register in held for register in memory.registers))

    def step(self, i, held):
        stack = {self.dialect.stack} | held
        holds = any(register in stack for register in self.dialect.derives(i))
        # A slot is known by its text, so only what lies at a fixed place of the frame.
        fixed = i.memory and len(i.memory.registers) == 1 and i.memory.registers[0] in (
            self.dialect.stack, self.dialect.frame)
        slot = f"[{i.memory.text}]" if fixed and self.on_stack(i, held) else None
        if slot and i.facts.stores:
            sources = [self.dialect.register(operand) for operand in i.operands]
            (held.add if any(source in stack for source in sources) else held.discard)(slot)
        elif slot and i.facts.loads:
            holds = holds or slot in held
        for register in i.facts.written:
            (held.add if holds and not register.startswith("v") else held.discard)(register)
