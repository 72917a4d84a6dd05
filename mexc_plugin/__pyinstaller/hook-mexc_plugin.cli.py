"""The command line imports each command by its name, and what that needs when it is called."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

ROOMS = ("cli", "evidence", "review", "sandbox")

hiddenimports = [module for room in ROOMS for module in collect_submodules(f"mexc_plugin.{room}")]
datas = [data for room in ROOMS for data in collect_data_files(f"mexc_plugin.{room}")]
