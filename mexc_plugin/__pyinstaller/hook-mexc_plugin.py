"""What a frozen bot needs of us and PyInstaller does not see: modules that are imported by their name,
migrations that are read as files, and versions that are asked of the distributions.
"""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

from mexc_plugin import distributions
from mexc_plugin.hosting.installing import PLACES
from mexc_plugin.store.schema.migrate import migrations_folder

# For people, not for bots; a frozen program that imports mexc_plugin.cli has a hook of its own.
FOR_PEOPLE = {"cli", "evidence", "review", "sandbox", "__main__", "__pyinstaller"}


def _is_a_bots(module: str) -> bool:
    return FOR_PEOPLE.isdisjoint(module.split(".")[1:2])


hiddenimports = [
    *collect_submodules("mexc_plugin", filter=_is_a_bots),
    *PLACES,
    *(f"{place}.mexc" for place in PLACES),
]
datas = [
    *collect_data_files("mexc_plugin.store"),
    (str(migrations_folder()), "mexc_plugin/migrations"),
]
for name in ("mexc-plugin", "SQLAlchemy", *distributions.owners("ccxt")):
    if distributions.version(name) != "unknown":
        datas += copy_metadata(name)
