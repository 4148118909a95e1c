"""Pipeline files: TOML to objects and back."""

from typing import TYPE_CHECKING

from streamlyt.core.lazy import lazy_exports

if TYPE_CHECKING:
    from .json_schema import pipeline_schema as pipeline_schema
    from .pipeline_file import PipelineConfig as PipelineConfig
    from .pipeline_file import Setting as Setting
    from .pipeline_file import dump as dump
    from .pipeline_file import effective_settings as effective_settings
    from .pipeline_file import load as load
    from .serve import ServeConfig as ServeConfig

__getattr__, __dir__, __all__ = lazy_exports(__name__)
