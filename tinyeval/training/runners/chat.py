"""Puts a conversation into a model's chat template."""

from __future__ import annotations

from typing import Any

from tinyeval.asking.item import Messages
from tinyeval.errors import DataError, one_line


def chat_context(messages: Messages, tokenizer: Any) -> str:
    """Return a conversation in the tokenizer's chat template, up to where the answer begins.

    A template that takes no rules of a system is given none, as in the harness.

    Raises:
        DataError: the tokenizer has no template, or its template refuses the conversation.
    """
    begun = messages[-1]["role"] == "assistant"  # the answer goes on from its beginning
    try:
        return tokenizer.apply_chat_template(
            [dict(one) for one in messages],
            tokenize=False,
            add_generation_prompt=not begun,
            continue_final_message=begun,
        )
    except Exception as error:  # templates are code of the model's makers
        asked = tuple(one for one in messages if one["role"] != "system")
        if asked and len(asked) < len(messages):
            return chat_context(asked, tokenizer)
        raise DataError(
            f"the tokenizer cannot put a prompt into a chat template ({one_line(error, 200)}); "
            "the history was asked through chat templates: give the tokenizer one, or ask without "
            "(chat=False)"
        ) from error
