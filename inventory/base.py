"""What every document is made of: the base of all models, names in both languages, times and shares. Pure."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from inventory import notation

Seconds = Annotated[float, BeforeValidator(notation.seconds)]
Fraction = Annotated[float, BeforeValidator(notation.fraction)]
Port = Annotated[int, Field(ge=1, le=65535)]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
#: a moment on the estate's wall clock, written ``2026-11-28T22:00``
Moment = Annotated[datetime, BeforeValidator(notation.moment)]
Day = Annotated[date, BeforeValidator(notation.day)]
TimeOfDay = Annotated[time, BeforeValidator(notation.time_of_day)]


class Document(BaseModel):
    """Base of everything read from YAML: unknown keys are mistakes, values never change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    keyed_by: ClassVar[str] = ""  #: in YAML several of these are a mapping, and its keys fill this field; "": a list


class Name(Document):
    """A name in both languages of the product."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def said(self, lang: str) -> str:
        """The name in ``zh`` or ``en``."""
        return self.zh if lang == "zh" else self.en
