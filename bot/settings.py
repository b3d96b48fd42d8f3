"""Settings from the environment, under the names their fields are known by everywhere."""

import os
from pathlib import Path

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_MODEL = "openai:gpt-4.1-mini"
"""What is used when there is a key and nobody says which model: it takes a temperature, a JSON schema and caches prompts."""

MANAGES = "manage_guild"
"""Discord's permission Manage Server, as discord.py calls it."""


class Settings(BaseSettings):
    """What can be set; `.env.example` lists it for a human."""

    model_config = SettingsConfigDict(
        env_file=os.environ.get("MOCKINGBIRD_ENV", ".env"),
        env_file_encoding="utf-8",
        extra="ignore",
        env_ignore_empty=True,
        protected_namespaces=(),
        hide_input_in_errors=True,  # the key is part of it
    )

    redis_url: str = Field(
        default="", description="A Redis (>= 7) or Valkey server; without it the bot starts its own Valkey."
    )
    data: Path = Field(
        default_factory=lambda: user_data_path("mockingbird", appauthor=False),
        validation_alias="MOCKINGBIRD_DATA",
        description="Where the embedded Valkey and half-typed answers are kept.",
    )
    cache: Path = Field(
        default_factory=lambda: user_cache_path("mockingbird", appauthor=False),
        validation_alias="MOCKINGBIRD_CACHE",
        description="Where rubric embeddings are cached; safe to delete.",
    )
    questions: Path | None = Field(
        default=None,
        validation_alias="MOCKINGBIRD_QUESTIONS",
        description="A folder with questions.yaml and guides/ of your own, asked beside the bank's.",
    )
    openai_api_key: SecretStr = Field(default=SecretStr(""), description="Lets a language model listen and speak.")
    openai_base_url: str = Field(default="", description="A compatible server of your own, such as a local model's.")
    interview_model: str = Field(default="", description="The model that speaks: a name, or provider:model.")
    rater_model: str = Field(default="", description="The model that listens; the one that speaks unless it is set.")
    fallback_model: str = Field(default="", description="Asked when the other one is of no use.")
    vision_model: str = Field(
        default="",
        description='Describes pictures; "none": nobody does. Unset: the one that speaks, if LangChain knows that it can.',
    )
    transcription_model: str = Field(default="", description="Transcribes voice clips; unset, they stay unread.")
    model_timeout: float = Field(default=20.0, gt=0, le=60, description="Seconds for one try.")
    model_retries: int = Field(default=2, ge=0, description="Further tries, with jitter, honouring Retry-After.")
    tokens_per_interview: int = Field(default=400_000, ge=0)
    tokens_per_person_a_day: int = Field(default=1_000_000, ge=0)
    tokens_per_workspace_a_day: int = Field(default=20_000_000, ge=0)

    retention_days: int = Field(
        default=30, ge=1, le=3650, description="How long interviews and their transcripts are kept."
    )
    slack_bot_token: SecretStr = Field(default=SecretStr(""), description="xoxb-…: one workspace, without OAuth.")
    slack_app_token: SecretStr = Field(default=SecretStr(""), description="xapp-…: `mockingbird slack` (Socket Mode).")
    slack_signing_secret: SecretStr = Field(default=SecretStr(""), description="`mockingbird web` (signed HTTP).")
    slack_client_id: str = Field(default="", description="Many workspaces: with the client secret, OAuth installs.")
    slack_client_secret: SecretStr = Field(default=SecretStr(""))
    slack_encryption_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Fernet keys, by commas, the newest first; `mockingbird slack key` makes one.",
    )
    slack_api_url: str = Field(default="https://slack.com/api/", description="Where Slack's Web API is.")
    slack_authorize_url: str = Field(
        default="https://slack.com/oauth/v2/authorize", description="Where a workspace agrees to an install."
    )
    slack_guests: bool = Field(default=False, description="Whether guests of a workspace may hold interviews.")
    slack_daily_admins: str = Field(
        default="", description="User ids, by commas, who may order the daily question besides a workspace's admins."
    )

    discord_token: SecretStr = Field(default=SecretStr(""), description="The bot's token: `mockingbird discord`.")
    discord_api_url: str = Field(default="https://discord.com/api/v10", description="Where Discord's API is.")
    discord_message_content: bool = Field(
        default=False, description="Hear plain messages in private threads too: needs the Message Content Intent."
    )

    discord_daily_permission: str = Field(
        default=MANAGES, description="Who may set up a channel's daily question, by discord.py's name of a permission."
    )

    @field_validator("discord_daily_permission")
    @classmethod
    def _is_a_permission(cls, name: str) -> str:
        wanted = name.strip().lower().replace(" ", "_")
        if wanted != MANAGES:
            # Importing it takes its time, and hardly anybody changes this.
            from discord import Permissions  # noqa: PLC0415

            if wanted not in Permissions.VALID_FLAGS:
                raise ValueError(
                    "DISCORD_DAILY_PERMISSION must be a permission of Discord's, as in manage_guild or manage_messages"
                )
        return wanted

    @field_validator("redis_url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        if url and not url.startswith(("redis://", "rediss://", "unix://", "redis+cluster://")):
            raise ValueError("REDIS_URL must start with redis://, rediss:// or unix://, as in redis://localhost:6379/0")
        return url

    @field_validator("openai_base_url")
    @classmethod
    def _is_a_web_address(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("OPENAI_BASE_URL must start with http:// or https://, as in http://localhost:11434/v1")
        return url

    @field_validator("slack_api_url")
    @classmethod
    def _ends_in_a_slash(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("SLACK_API_URL must start with http:// or https://, as in https://slack.com/api/")
        return url.rstrip("/") + "/"

    @field_validator("discord_api_url")
    @classmethod
    def _ends_without_a_slash(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("DISCORD_API_URL must start with http:// or https://, as in https://discord.com/api/v10")
        return url.rstrip("/")

    @field_validator("discord_token")
    @classmethod
    def _without_its_kind(cls, token: SecretStr) -> SecretStr:
        # Discord's own examples write "Bot TOKEN", which the library adds by itself.
        return SecretStr(token.get_secret_value().strip().removeprefix("Bot ").strip())

    @property
    def keep(self) -> int:
        """Seconds for which interviews and their transcripts are kept."""
        return self.retention_days * 24 * 3600

    @property
    def slack_keys(self) -> tuple[str, ...]:
        """The keys that tokens are encrypted with, the newest first."""
        return tuple(key.strip() for key in self.slack_encryption_keys.get_secret_value().split(",") if key.strip())

    @property
    def slack_admins(self) -> frozenset[str]:
        """The user ids of those who may order the daily question besides a workspace's own admins."""
        return frozenset(user.strip() for user in self.slack_daily_admins.split(",") if user.strip())

    @field_validator("data", "cache", "questions")
    @classmethod
    def _from_home(cls, path: Path | None) -> Path | None:
        return path and path.expanduser()

    @property
    def speaking(self) -> tuple[str, ...]:
        """The models that speak, in the order in which they are asked; none without a key or a name."""
        named = self.interview_model or (DEFAULT_MODEL if self.openai_api_key.get_secret_value() else "")
        return tuple(dict.fromkeys(name for name in (named, named and self.fallback_model) if name))

    @property
    def listening(self) -> tuple[str, ...]:
        """The models that listen, in the order in which they are asked."""
        if not self.speaking:
            return ()
        return tuple(dict.fromkeys((self.rater_model or self.speaking[0], *self.speaking[1:])))
