"""psql scripts cut into pieces: where a statement ends, and what follows it.

A piece is the lines between two places where psql's query buffer is empty, with the data that COPY FROM STDIN reads.
"""
import re

ENDING = ("g", "gx", "gset", "gexec", "gdesc", "crosstabview", "watch", "r", "reset")
TOKEN = re.compile(r"""
    (?P<line>--[^\n]*) | (?P<block>/\*) | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][\w]*)?\$) | (?P<escape>\b[eE]')
    | (?P<quote>['"]) | (?P<meta>\\[^\n]*) | (?P<end>;) | (?P<word>[A-Za-z_]\w*) | (?P<other>\S)""", re.X)


def close_comment(text, at):
    depth = 1
    for found in re.finditer(r"/\*|\*/", text[at:]):
        depth += 1 if found.group() == "/*" else -1
        if depth == 0:
            return at + found.end()
    return len(text)


def close_quote(text, at, quote, escapes):
    while at < len(text):
        if escapes and text[at] == "\\":
            at += 2
        elif text[at] == quote:
            return at + 1
        else:
            at += 1
    return len(text)


class Scanner:
    """Reads one piece: next_end() is the offset behind it."""

    def __init__(self, text):
        self.text = text

    def meta(self, found, empty):
        """A backslash command; returns where to go on, and whether the query buffer is empty then."""
        command = re.match(r"\\(\w*)", found.group()).group(1)
        if found.group().startswith("\\;"):
            return found.start() + 2, False
        return found.end(), empty or command in ENDING

    def next_end(self, at):
        """Offset of the end of the line on which the query buffer is empty again."""
        empty, words, depth = True, [], 0
        while at < len(self.text):
            newline = self.text.find("\n", at)
            found = TOKEN.search(self.text, at)
            if newline >= 0 and (not found or found.start() > newline):
                at = newline + 1
                if empty:
                    return at, words
                continue
            if not found:
                break
            kind, at = found.lastgroup, found.end()
            if kind == "block":
                at = close_comment(self.text, at)
            elif kind == "meta":
                at, empty = self.meta(found, empty)
            elif kind == "end":
                empty = depth == 0
            elif kind != "line":
                if empty:
                    empty, words, depth = False, [], 0
                if kind == "dollar":
                    at = self.text.find(found.group(), at)
                    at = len(self.text) if at < 0 else at + len(found.group())
                elif kind in ("quote", "escape"):
                    at = close_quote(self.text, at, found.group()[-1], kind == "escape")
                elif kind == "word":
                    words.append(found.group().lower())
                    depth = self.body_depth(words, depth)
        return len(self.text), words

    @staticmethod
    def body_depth(words, depth):
        """How deep in the BEGIN ATOMIC .. END of a function."""
        if words[0] != "create" or not {"function", "procedure"} & set(words[:4]):
            return 0
        if words[-1] == "begin" or depth and words[-1] == "case":
            return depth + 1
        return depth - 1 if depth and words[-1] == "end" else depth


def pieces(text):
    """[(line number, text, words of its last statement)]"""
    scanner, at, result = Scanner(text), 0, []
    while at < len(text):
        end, words = scanner.next_end(at)
        piece = text[at:end]
        if words[:1] == ["copy"] and re.search(r"\bfrom\s+stdin\b", piece, re.I):
            data = re.compile(r"^\\\.\n", re.M).search(text, end)
            end = data.end() if data else end
        result.append((text.count("\n", 0, at) + 1, text[at:end], words))
        at = end
    return result
