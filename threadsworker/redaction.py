"""
Takes secrets out of text: by value (those that were registered) and by pattern (those that look
like one).

A value is found as it is and in the forms that programs give it on its way into a line: quoted
for a URL, escaped for JSON or by `repr`, in base64 (of itself or in the middle of something, as
in a header for basic auth), in hexadecimal digits, and broken over lines.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

if TYPE_CHECKING:
    from pydantic import SecretStr

    from threadsworker.settings import Settings

#: What stands where a secret was.
MARK = "[redacted]"
#: Characters below which a value is not taken out: it would hit ordinary words.
SHORTEST_SECRET = 8

_KEY = r"[\w-]*(?:token|secret|password|passwd|api_?key|appsecret_proof)"
#: Each keeps its first group, which tells a reader what was taken out. Before each stand words, in
#: lower case, one of which must occur for it to match: looking for those takes a hundredth of the
#: time.
_PATTERNS = (
    # access_token=…, "client_secret": "…"
    (
        ("token", "secret", "password", "passwd", "apikey", "api_key"),
        re.compile(rf"""(?i)(\b{_KEY}["']?(?:=|:\s*["'])["']?)[^\s&"',;<>\[\]{{}}()]+"""),
    ),
    (("bearer",), re.compile(r"(?i)(\bbearer\s+)[\w.~+/=|-]{8,}")),
    (
        ("authorization",),
        re.compile(r"(?i)(\bauthorization[\"']?\s*[:=]\s*[\"']?basic\s+)[\w+/=-]{4,}"),
    ),
    # redis://user:password@host
    (("://",), re.compile(r"""(://[^\s:/?#@"']*:)[^\s/?#@"']+(?=@)""")),
    # The tokens of Threads and of GitHub, what signs our deliveries, and what Fernet sealed.
    (("thaa", "thq"), re.compile(r"(\bTH(?:AA|Q))[\w-]{16,}")),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), re.compile(r"(\bgh[pousr]_)\w{16,}")),
    (("github_pat_",), re.compile(r"(\bgithub_pat_)\w{16,}")),
    (("whsec_",), re.compile(r"(\bwhsec_)[\w-]{16,}")),
    (("gaaaa",), re.compile(r"(\bgAAAA)[\w-]{60,}=*")),
)
#: A line may end in the middle of a value, with quotes around the pieces; or a line end that was
#: itself escaped.
_BREAK = r"""(?:["']?(?:\\?\r?\n|(?:\\r)?\\n)[ \t]*["']?)?"""
_BREAKS = re.compile(r"""["']?(?:\\?\r?\n|(?:\\r)?\\n)[ \t]*["']?""")

#: The forms by their first characters, so that a line is searched in one go, however many are
#: known: a worker of ten thousand accounts knows all their tokens. Added to from any thread, by
#: single steps that need no lock: one that is held when a process forks is held for ever in the
#: child.
_forms: dict[str, set[str]] = {}


def redact(secret: SecretStr) -> None:
    """Take this value, in every form, out of all that is redacted from now on."""
    _register(secret.get_secret_value())


def _register(value: str) -> None:
    if len(value) < SHORTEST_SECRET:
        return
    for form in _forms_of(value):
        _forms.setdefault(form[:SHORTEST_SECRET], set()).add(form)


def redact_settings(settings: Settings) -> None:
    """Register every secret of the settings, and the passwords within their addresses."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for secret in _secrets_in(value):
            _register(secret)


def redacted(text: str) -> str:
    """The text with every known secret, and all that looks like one, replaced by a mark."""
    text = _without_known(text)
    # What each form of a line end has; a search for the pattern itself takes longer than all else.
    if ("\n" in text or "\\n" in text) and _BREAKS.search(text):
        text = _without_broken(text)
    lower = text.lower()
    for words, pattern in _PATTERNS:
        # Letters of other alphabets have ideas of their own of what their small form is.
        if not text.isascii() or any(word in lower for word in words):
            text = pattern.sub(rf"\g<1>{MARK}", text)
    return text


def _without_known(text: str) -> str:
    pieces, kept = [], 0
    for start, end in _found(text):
        pieces += [text[kept:start], MARK]
        kept = end
    return "".join([*pieces, text[kept:]]) if pieces else text


def _without_broken(text: str) -> str:
    """The same for values that go on in the next line."""
    joined = _BREAKS.sub("", text)
    for form in {joined[start:end] for start, end in _found(joined)}:
        text = _broken(form).sub(MARK, text)
    return text


@lru_cache(maxsize=256)
def _broken(form: str) -> re.Pattern[str]:
    return re.compile(_BREAK.join(re.escape(character) for character in form))


def _found(text: str) -> Iterator[tuple[int, int]]:
    """Where known values begin and end, from left to right, each the longest of its place."""
    at, last = 0, len(text) - SHORTEST_SECRET
    # Nearly every line holds none, and this tells so in a third of the time.
    if _forms.keys().isdisjoint([text[n : n + SHORTEST_SECRET] for n in range(last + 1)]):
        return
    while at <= last:
        forms = _forms.get(text[at : at + SHORTEST_SECRET])
        # A copy: another thread may add to it.
        fits = [form for form in tuple(forms) if text.startswith(form, at)] if forms else []
        if fits:
            longest = max(map(len, fits))
            yield at, at + longest
            at += longest
        else:
            at += 1


def _forms_of(value: str) -> set[str]:
    plain = value.encode()
    forms = {
        value,
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        ascii(value)[1:-1],
        repr(plain)[2:-1],
        plain.hex(),
        plain.hex().upper(),
        *_in_base64(plain),
    }
    # Percent signs come with digits of either size.
    forms |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in forms}
    return {form for form in forms if len(form) >= SHORTEST_SECRET}


def _in_base64(plain: bytes) -> Iterator[str]:
    """What of the value's base64 does not depend on what stands before and after it."""
    for before in range(3):
        padded = bytes(before) + plain
        # Characters that the bytes before, and those after, have a part in.
        first = (before * 8 + 5) // 6
        whole = len(padded) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(padded).decode()[first:whole]


def _secrets_in(value: object) -> Iterator[str]:
    # Not at the top: whoever asks a command for its help does not wait for it.
    from pydantic import SecretStr

    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        yield text
        # Keys, and names with passwords, come several in one.
        yield from (part.strip() for part in text.split(",") if "," in text)
        if "://" not in text:
            yield from (part.strip().partition(":")[2] for part in text.split(",") if ":" in part)
    elif isinstance(value, str):
        text = value
    else:
        return
    yield from _passwords(text)


def _passwords(url: str) -> Iterator[str]:
    if "://" not in url:
        return
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    if parts.password:
        yield parts.password
        yield unquote(parts.password)
    for name, given in parse_qsl(parts.query):
        if re.search("(?i)pass|secret|token|key$", name):
            yield given
