"""What supervised fine-tuning has read for a study, and what it keeps to use its models later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lrscope.models.chat_template import ChatTemplate
from lrscope.models.stop_tokens import stop_tokens
from lrscope.tasks.answering import AnswerWriter
from lrscope.tasks.base import TaskInputs
from lrscope.tasks.exact_match import AnswerSettings
from lrscope.tasks.text import token_limit


@dataclass(frozen=True, eq=False, kw_only=True)
class SftInputs(TaskInputs):
    """What supervised fine-tuning has read: besides, the template that makes text of a conversation.

    `is_chat` says that it trains on conversations, not on plain texts; `answers` is None where none are measured.
    """

    template: ChatTemplate | None
    limit: int
    on_long: str
    loss_on: str
    answers: AnswerSettings | None
    is_chat: bool

    def writer(self, max_tokens: int) -> AnswerWriter:
        """Return what lets a model answer prompts as it was trained to, each in up to so many tokens.

        Raises:
            CheckpointError: the model's files name something else than tokens that end a text.
        """
        context, stop_ids = token_limit(self.checkpoint, None), stop_tokens(self.tokenizer, self.checkpoint)
        return AnswerWriter(self.template if self.is_chat else None, self.tokenizer, stop_ids, context, max_tokens)


def template_state(template: ChatTemplate | None, *, is_chat: bool) -> dict[str, Any]:
    """Return what a study keeps of its chat template, and whether it is conversations that it trains on."""
    if template is None:
        return {"template": None, "is_chat": is_chat}
    kept = {"name": template.name, "source": template.source, "special_tokens": dict(template.special_tokens)}
    return {"template": kept, "is_chat": is_chat}
