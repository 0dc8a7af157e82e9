"""Plugins by name: which there are, where they are, and how a config's name becomes a class.

descriptor.py   what a plugin is called and what it is for
built_in.py     Isthmus's own
versions.py     ranges of versions
index.py        which plugin a name means, and which places a config needs
path.py         the places on `plugin.path`, by their metadata
wheels.py       wheels as such a place
loading.py      finding and importing; only in processes that run plugin code
"""

from isthmus.plugins.built_in import BUILT_IN, IMPORTED_WHEN_NAMED
from isthmus.plugins.causes import is_config_error
from isthmus.plugins.descriptor import (
    CONNECTORS,
    UNDEFINED_VERSION,
    WORKERS_OWN,
    Kinds,
    PluginDescriptor,
    PluginKind,
)
from isthmus.plugins.index import PluginIndex, PluginNotFoundError, Wanted, wanted_by
from isthmus.plugins.loading import Plugins
from isthmus.plugins.path import PluginLocation

__all__ = [
    "BUILT_IN",
    "CONNECTORS",
    "IMPORTED_WHEN_NAMED",
    "UNDEFINED_VERSION",
    "WORKERS_OWN",
    "Kinds",
    "PluginDescriptor",
    "PluginIndex",
    "PluginKind",
    "PluginLocation",
    "PluginNotFoundError",
    "Plugins",
    "Wanted",
    "is_config_error",
    "wanted_by",
]
