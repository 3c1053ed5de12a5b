"""Makes the presets of `conf/hydra/launcher` take the place of those that Hydra's plug-ins bring."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin

from wee.app.launching import LAUNCHERS
from wee.app.paths import conf_dir


class WeePresets(SearchPathPlugin):
    """Removes the plug-ins' configs of launchers, with whose keys Hydra would compare a preset of the same name.

    Other applications of Hydra in the same environment keep them.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Remove the configs if the application is one of wee's commands."""
        if not any(part.path.removeprefix("file://") == str(conf_dir()) for part in search_path.get_path()):
            return
        stored = ConfigStore.instance().repo.get("hydra", {}).get("launcher", {})
        for name in LAUNCHERS:
            stored.pop(f"{name}.yaml", None)
