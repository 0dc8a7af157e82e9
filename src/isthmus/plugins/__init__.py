"""Plugins by name: which there are, and how a config's name becomes a class.

descriptor.py   what a plugin is called and what it is for
built_in.py     Isthmus's own
versions.py     ranges of versions
loading.py      finding and importing; only in processes that run plugin code
"""

from isthmus.plugins.built_in import BUILT_IN
from isthmus.plugins.descriptor import (
    CONNECTORS,
    UNDEFINED_VERSION,
    Kinds,
    PluginDescriptor,
    PluginKind,
)
from isthmus.plugins.loading import ENTRY_POINT_GROUP, PluginNotFoundError, Plugins

__all__ = [
    "BUILT_IN",
    "CONNECTORS",
    "ENTRY_POINT_GROUP",
    "UNDEFINED_VERSION",
    "Kinds",
    "PluginDescriptor",
    "PluginKind",
    "PluginNotFoundError",
    "Plugins",
]
