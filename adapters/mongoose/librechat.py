"""What the functions in LibreChat's schemas decide: counterparts for what an export cannot hold.

Source: the package `@librechat/data-schemas`, whose models `config/models/librechat.json` holds.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from adapters.mongoose.making import Functions

WHITESPACE_ONLY: Final = re.compile(r"\s*\Z")
_COMMAND: Final = re.compile(r"[a-z0-9-]+\Z")
_MEMORY_KEY: Final = re.compile(r"[a-z_]+\Z")
_KEBAB: Final = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
_PATH: Final = re.compile(r"[a-zA-Z0-9._/-]+\Z")
_CAPABILITY_OF_SECTION: Final = re.compile(
    r"(?:manage|read):configs:[A-Za-z0-9_]+\Z|assign:configs:(?:user|group|role)\Z"
)
RESERVED_SKILLS: Final = frozenset(
    "help clear compact model exit quit settings anthropic claude".split()
)
CAPABILITIES: Final = frozenset(
    """
    access:admin read:users manage:users read:groups manage:groups read:roles manage:roles read:configs
    manage:configs assign:configs read:usage read:insights read:agents manage:agents manage:mcpservers
    manage:code_environments read:prompts manage:prompts read:skills manage:skills read:sharedlinks
    manage:sharedlinks read:assistants manage:assistants read:audit_log
    """.split()
)


def _not_public(document: Mapping[str, Any]) -> bool:
    return document.get("principalType") != "public"


def _at_most(most: int) -> Any:
    return lambda value, _document: len(value) <= most


def _is_text(value: Any, _document: Mapping[str, Any]) -> bool:
    return isinstance(value, str)


def _frequency(document: Mapping[str, Any]) -> Any:
    cadence = document.get("cadence")
    return cadence.get("frequency") if isinstance(cadence, Mapping) else None


def _structured(document: Mapping[str, Any]) -> bool:
    return bool(_frequency(document) != "cron")


def _whole(value: Any, _document: Mapping[str, Any]) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _skill_name(value: str, _document: Mapping[str, Any]) -> bool:
    return (
        _KEBAB.match(value) is not None
        and not value.startswith(("anthropic-", "claude-"))
        and value not in RESERVED_SKILLS
    )


def _relative_path(value: str, _document: Mapping[str, Any]) -> bool:
    parts = value.split("/")
    return (
        _PATH.match(value) is not None
        and {"", ".", ".."}.isdisjoint(parts)
        and parts[0] != "SKILL.md"
    )


def _capability(value: str, _document: Mapping[str, Any]) -> bool:
    return value in CAPABILITIES or _CAPABILITY_OF_SECTION.match(value) is not None


LIBRECHAT_FUNCTIONS: Final[Mapping[str, Functions]] = {
    "AclEntry": {
        "principalId required": _not_public,
        "principalModel required": _not_public,
        "permBits validate": _whole,
    },
    "AuditLog": {
        "tenantId validate": lambda value, _document: (
            isinstance(value, str) and not WHITESPACE_ONLY.match(value)
        ),
    },
    "Conversation": {
        "agentEventActor.skillManifest validate": _at_most(64),
        "agentEventActor.discoveredToolNames validate": _at_most(128),
        "agentEventActor.compactionSemanticIndex.entries validate": _at_most(256),
    },
    "Group": {"idOnTheSource required": lambda document: document.get("source") != "local"},
    "MemoryEntry": {"key validate": lambda value, _document: bool(_MEMORY_KEY.match(value))},
    "PromptGroup": {
        "command validate": lambda value, _document: (
            value is None or value == "" or bool(_COMMAND.match(value))
        ),
    },
    "Schedule": {
        "cadence.hour required": _structured,
        "cadence.minute required": _structured,
        "cadence.expression required": lambda document: not _structured(document),
    },
    "Skill": {"name validate": _skill_name},
    "SkillFile": {"relativePath validate": _relative_path},
    "SkillSyncStatus": {
        "skippedSkills[].path validate": _is_text,
        "skippedFiles[].path validate": _is_text,
        "skippedFiles[].skillPath validate": _is_text,
    },
    "SystemGrant": {
        "capability validate": _capability,
        "tenantId validate": lambda value, _document: value is not None and value != "",
    },
}
"""By model. That for semantic indexes is not here: documents with one are refused."""
