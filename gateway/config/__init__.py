"""Settings from TOML and the environment, every mistake at once; must never change how a part behaves."""

from gateway.config.document import Document, load, replaced
from gateway.config.fields import Checked, free_table, section, setting
from gateway.config.problems import Key, Mistakes, Problem, did_you_mean
from gateway.config.roles import reference_page, roles, settings_of
from gateway.config.sections import (
    AgentSettings,
    ConsentAuthority,
    ConsentSettings,
    DailyBytes,
    DeviceSettings,
    DoorSettings,
    FlowSettings,
    GrantSettings,
    HealthSettings,
    LinkSettings,
    LogLevel,
    LogSettings,
    StoreSettings,
)

__all__ = [
    "AgentSettings",
    "Checked",
    "ConsentAuthority",
    "ConsentSettings",
    "DailyBytes",
    "DeviceSettings",
    "Document",
    "DoorSettings",
    "FlowSettings",
    "GrantSettings",
    "HealthSettings",
    "Key",
    "LinkSettings",
    "LogLevel",
    "LogSettings",
    "Mistakes",
    "Problem",
    "StoreSettings",
    "did_you_mean",
    "free_table",
    "load",
    "reference_page",
    "replaced",
    "roles",
    "section",
    "setting",
    "settings_of",
]
