"""Set-up and build of this repository: compiler, contract artifacts, lock files."""
