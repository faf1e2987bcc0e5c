"""The data folder: releases, manifests, the lock file, what waits."""
