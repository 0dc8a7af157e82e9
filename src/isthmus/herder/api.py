"""All that the REST API asks of a herder, on one object; each method names the part that does it."""

from collections.abc import Sequence

from isthmus.channel import ConnectorTaskId, TargetState
from isthmus.herder.connectors import Connectors
from isthmus.herder.herder import Herder
from isthmus.herder.loggers import Loggers
from isthmus.herder.offsets import Offsets
from isthmus.herder.validation import Validation
from isthmus.herder.views import (
    ActiveTopics,
    ConfigInfos,
    ConfigKeyInfo,
    ConnectorExpansion,
    ConnectorInfo,
    ConnectorOffset,
    ConnectorOffsets,
    ConnectorStateInfo,
    Created,
    JsonConfig,
    LoggerLevel,
    Message,
    PluginInfo,
    TaskInfo,
    TaskState,
)
from isthmus.storage.config_store import RestartRequest
