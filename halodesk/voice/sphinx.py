"""The offline recogniser: pocketsphinx with a grammar of the node, and its free language model.

Rules:
- One thread, in the speech worker: recognition is CPU work.
- An utterance is what the cutter cuts out. While it lasts, both recognisers follow it. A grammar
  always finds something: its words count when its score is good and the free words agree with half of
  them, or when they are next to certain. Else the free words count, where the node takes such, lists
  just these, or they are fairly sure. Else the text is empty: a sound that is no answer.
- What is expected counts from the next utterance on.
- Both agree on a whole listed answer: it ends after a short hush. Anything else may go on.
- The free recogniser goes over an utterance once more when it has ended, for a tenth of a second: where it
  agrees with the grammar already, nobody waits for that.
"""

from __future__ import annotations

from collections.abc import Callable

from pocketsphinx import Decoder, Hypothesis

from halodesk.voice.cutter import Cutter
from halodesk.voice.grammar import NO, YES, Built, complete, grammar_of, with_figures
from halodesk.voice.messages import SAMPLE_RATE, Expect, Told, VoiceOff, VoiceOn, Words

GOOD = 0.7
"""Score of the grammar below which its words were not said; short sounds get more, whatever they are."""
CERTAIN = 0.9
"""Posterior of the grammar's words from which nobody else is asked."""
FAIR = 0.5
"""What a free word must be worth at a node that lists all it wants."""
_PARTIAL_FRAMES = 10
_SEARCH = "node"


class Recogniser:
    """Sound in, `tell` with what was heard."""

    def __init__(self, tell: Callable[[Told], None]) -> None:
        self._tell = tell
        self._cutter = Cutter(
            voice=lambda on: tell(VoiceOn() if on else VoiceOff()),
            speech=self._hear,
            end=self._end,
            complete=self._complete,
        )
        self._listed = Decoder(samprate=SAMPLE_RATE, lm=None, loglevel="FATAL")
        self._free = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
        self._expect = self._in_force = Expect()
        self._built = Built("", (), whole=True)
        self._takes_free = True
        self._speaking = False
        self._frames = 0
        self._partial = ""
        self._agreed: Words | None = None
        """What the utterance is, where both are sure before its end."""

    def knows(self, word: str) -> bool:
        """Whether the dictionary has the word."""
        return self._listed.lookup_word(word) is not None

    def expect(self, expected: Expect) -> None:
        """From the next utterance on."""
        self._expect = expected

    def feed(self, pcm: bytes) -> None:
        """Some more sound."""
        self._cutter.feed(pcm)

    def finish(self) -> None:
        """The utterance ends here, if one is under way."""
        self._cutter.finish()

    def _hear(self, speech: bytes) -> None:
        if not self._speaking:
            self._begin()
        for decoder in self._decoders():
            decoder.process_raw(speech)
        self._frames += 1
        if self._frames % _PARTIAL_FRAMES == 0:
            self._tell_partial()

    def _decoders(self) -> list[Decoder]:
        return [*([self._listed] if self._built.text else []), self._free]

    def _begin(self) -> None:
        if self._expect != self._in_force:
            self._in_force = self._expect
            self._built = built = grammar_of(self._in_force, self.knows)
            self._takes_free = self._in_force.free or not built.text or not built.whole
            if built.text:
                self._listed.add_jsgf_string(_SEARCH, built.text)
                self._listed.activate_search(_SEARCH)
        for decoder in self._decoders():
            decoder.start_utt()
        self._speaking, self._frames, self._partial = True, 0, ""

    def _tell_partial(self) -> None:
        found = self._decoders()[-1].hyp()
        text = found.hypstr if found is not None else ""
        if text and text != self._partial:
            self._partial = text
            self._tell(Words(text=text, final=False, confidence=0.0))

    def _complete(self) -> bool:
        listed = self._listed.hyp() if self._built.text else None
        if listed is None or not complete(self._built, listed.hypstr):
            return False
        free = self._free.hyp()
        text = free.hypstr if free is not None else ""
        if not complete(self._built, text) or not same(text, listed.hypstr):
            return False
        self._agreed = Words(text=with_figures(text), final=True, confidence=_share(listed.best_score))
        return True

    def _end(self) -> None:
        self._speaking = False
        found, self._agreed = self._agreed, None
        if found is not None:
            self._tell(found)
        if self._built.text:
            self._listed.end_utt()
        if found is None and (found := self._found_listed()) is not None:
            self._tell(found)
        self._free.end_utt()
        if found is None:
            self._tell(self._found_listed() or self._found_free())

    def _found_listed(self) -> Words | None:
        """What the grammar found, if that was said: the free words as they stand now agree."""
        listed = self._listed.hyp() if self._built.text else None
        if listed is None or not listed.hypstr or listed.best_score < GOOD:
            return None
        free = self._free.hyp()
        text = free.hypstr if free is not None else ""
        share = agreement(listed.hypstr, text)
        if share < 0.5 and listed.prob < CERTAIN:
            return None
        sure = max(share, listed.prob) * listed.best_score
        # "eighty nine" of which the other heard "nine" alone: the grammar made a word of a breath.
        words = text if text and agreement(text, listed.hypstr) == 1 else listed.hypstr
        return Words(text=with_figures(words), final=True, confidence=_share(sure))

    def _found_free(self) -> Words:
        free = self._free.hyp()
        text = free.hypstr if free is not None else ""
        sure = _posterior(free)
        if not self._takes_free and text not in self._built.phrases and sure < FAIR:
            text = ""
        return Words(text=text, final=True, confidence=sure if text else 0.0)


def agreement(first: str, second: str) -> float:
    """The part of the words of `first` that are in `second`, too."""
    words, others = first.split(), second.split()
    return sum(word in others for word in words) / len(words) if words else 0.0


def same(first: str, second: str) -> bool:
    """Whether two answers are the same: the words, or another yes, or another no."""
    return any(first in words and second in words for words in (YES, NO)) or agreement(first, second) == 1


def _posterior(found: Hypothesis | None) -> float:
    """The geometric mean of what each word is worth."""
    words = len(found.hypstr.split()) if found is not None else 0
    return _share(found.prob ** (1 / words)) if found is not None and words else 0.0


def _share(score: float) -> float:
    return round(min(1.0, max(0.0, score)), 2)
