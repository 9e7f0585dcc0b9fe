"""Chat templates by name, for models that have none: each is Jinja, as a model's own is.

`BEGIN` stands for what the tokenizer writes before a text, `BOS` and `EOS` for its beginning and end token. Texts are
written as they are, untrimmed. Templates that have no place for a system turn write it before the first prompt.
"""

from __future__ import annotations

from typing import NamedTuple


class NamedTemplate(NamedTuple):
    """A template, and the tokens that a vocabulary must have for it as tokens of their own."""

    source: str
    tokens: tuple[str, ...] = ("EOS",)


def _turns(start: str, system: str, user: str, header: str, reply: str, default: str = "") -> str:
    """Return a template of parts: expressions in which `text` is the text of the turn.

    `start` comes first, `system` where there is a system turn and `default` where there is none; `header` is what
    precedes a reply and what a model is prompted with.
    """
    without = f"{{% if messages[0]['role'] != 'system' %}}{{{{ {default} }}}}{{% endif %}}" if default else ""
    return (
        f"{{{{ {start} }}}}{without}"
        "{% for message in messages %}{% set text = message['content'] %}"
        f"{{% if message['role'] == 'system' %}}{{{{ {system} }}}}"
        f"{{% elif message['role'] == 'user' %}}{{{{ {user} }}}}"
        f"{{% else %}}{{{{ {header} + {reply} }}}}{{% endif %}}"
        f"{{% endfor %}}{{% if add_generation_prompt %}}{{{{ {header} }}}}{{% endif %}}"
    )


def _headed(header: str, end: str) -> dict[str, str]:
    """Return the parts of a template in which each turn has its role's header and an end."""
    return {
        **{role: f"{header.replace('ROLE', role)} + text + {end}" for role in ("system", "user")},
        "header": header.replace("ROLE", "assistant"),
        "reply": f"text + {end}",
    }


TEMPLATES = {
    # Each role and text between its own tokens, as OpenAI's ChatML, Qwen, SmolLM2.
    "chatml": NamedTemplate(
        _turns("''", **_headed(r"'<|im_start|>ROLE\n'", r"'<|im_end|>\n'")), ("<|im_start|>", "<|im_end|>")
    ),
    # Meta Llama 3, without a date.
    "llama3": NamedTemplate(
        _turns("'<|begin_of_text|>'", **_headed(r"'<|start_header_id|>ROLE<|end_header_id|>\n\n'", "'<|eot_id|>'")),
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    ),
    # Llama 2 Chat: the system turn stands inside the first prompt.
    "llama2": NamedTemplate(
        "{% set first = namespace(system='') %}"
        "{% for message in messages %}{% set text = message['content'] %}"
        r"{% if message['role'] == 'system' %}{% set first.system = '<<SYS>>\n' + text + '\n<</SYS>>\n\n' %}"
        "{% elif message['role'] == 'user' %}{{ 'BOS[INST] ' + first.system + text + ' [/INST]' }}"
        "{% set first.system = '' %}{% else %}{{ ' ' + text + ' EOS' }}{% endif %}{% endfor %}",
        ("BOS", "EOS"),
    ),
    # Zephyr, TinyLlama Chat. The headers are ordinary text.
    "zephyr": NamedTemplate(_turns("'BEGIN'", **_headed(r"'<|ROLE|>\n'", r"'EOS\n'"))),
    # Stanford Alpaca; the system turn takes the place of its first paragraph.
    "alpaca": NamedTemplate(
        _turns(
            "'BEGIN'",
            default="'Below is an instruction that describes a task. Write a response that appropriately completes "
            "the request.'",
            system="text",
            user=r"'\n\n### Instruction:\n' + text",
            header=r"'\n\n### Response:\n'",
            reply="text + 'EOS'",
        )
    ),
    # Vicuna 1.1.
    "vicuna": NamedTemplate(
        _turns(
            "'BEGIN'",
            default='"A chat between a curious user and an artificial intelligence assistant. The assistant gives '
            "helpful, detailed, and polite answers to the user's questions. \"",
            system="text + ' '",
            user="'USER: ' + text + ' '",
            header="'ASSISTANT:'",
            reply="' ' + text + 'EOS'",
        )
    ),
    # Prompt, line feed, completion, end token.
    "plain": NamedTemplate(
        _turns("'BEGIN'", system=r"text + '\n'", user=r"text + '\n'", header="''", reply="text + 'EOS'")
    ),
}
NAMES = ", ".join(TEMPLATES)
