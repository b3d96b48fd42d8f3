"""Settings from the environment, under the names their fields are known by everywhere."""

from pathlib import Path

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What can be set; `.env.example` lists it for a human."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True)

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

    @field_validator("redis_url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        if url and not url.startswith(("redis://", "rediss://", "unix://", "redis+cluster://")):
            raise ValueError("REDIS_URL must start with redis://, rediss:// or unix://, as in redis://localhost:6379/0")
        return url

    @field_validator("data", "cache", "questions")
    @classmethod
    def _from_home(cls, path: Path | None) -> Path | None:
        return path and path.expanduser()
