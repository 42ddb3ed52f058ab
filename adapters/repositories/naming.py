"""The names under which repositories are found."""

import re
from collections.abc import Mapping
from typing import Final

from adapters.mongoose.model import Model
from adapters.repositories.actions import ActionRepository
from adapters.repositories.agents import AgentRepository
from adapters.repositories.assistants import AssistantRepository
from adapters.repositories.audit_logs import AuditLogRepository
from adapters.repositories.balances import BalanceRepository
from adapters.repositories.banners import BannerRepository
from adapters.repositories.categories import CategoryRepository
from adapters.repositories.conversation_tags import ConversationTagRepository
from adapters.repositories.conversations import ConversationRepository
from adapters.repositories.files import FileRepository
from adapters.repositories.keys import KeyRepository
from adapters.repositories.memory_entries import MemoryEntryRepository
from adapters.repositories.messages import MessageRepository
from adapters.repositories.plugin_auths import PluginAuthRepository
from adapters.repositories.presets import PresetRepository
from adapters.repositories.projects import ProjectRepository
from adapters.repositories.prompts import PromptGroupRepository, PromptRepository
from adapters.repositories.repository import Repository
from adapters.repositories.roles import RoleRepository
from adapters.repositories.sessions import SessionRepository
from adapters.repositories.shared_links import SharedLinkRepository
from adapters.repositories.tokens import TokenRepository
from adapters.repositories.tool_calls import ToolCallRepository
from adapters.repositories.transactions import TransactionRepository
from adapters.repositories.users import UserRepository

SPECIALISED: Final[tuple[type[Repository], ...]] = (
    ActionRepository,
    AgentRepository,
    AssistantRepository,
    AuditLogRepository,
    BalanceRepository,
    BannerRepository,
    CategoryRepository,
    ConversationTagRepository,
    ConversationRepository,
    FileRepository,
    KeyRepository,
    MemoryEntryRepository,
    MessageRepository,
    PluginAuthRepository,
    PresetRepository,
    ProjectRepository,
    PromptRepository,
    PromptGroupRepository,
    RoleRepository,
    SessionRepository,
    SharedLinkRepository,
    TokenRepository,
    ToolCallRepository,
    TransactionRepository,
    UserRepository,
)
SHORT: Final[Mapping[str, str]] = {"ChatProject": "project", "AgentCategory": "category"}
"""What the seeds call an entity where its model has another name."""
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Named = Mapping[str, tuple[str, type[Repository]]]


def repository_names(models: Mapping[str, Model]) -> Named:
    """Return the model and the kind of repository for each name: of the model, in small letters, of the collection."""
    kinds = {kind.entity: kind for kind in SPECIALISED}
    named: dict[str, tuple[str, type[Repository]]] = {}
    for name, model in models.items():
        found = name, kinds.get(name, Repository)
        for alias in (model.schema.collection, snake(name), SHORT.get(name, name), name):
            named.setdefault(alias, found)
    return named


def snake(name: str) -> str:
    """Return a name of a model in small letters: `PromptGroup` as `prompt_group`."""
    return _CAPITAL.sub("_", name).lower()
