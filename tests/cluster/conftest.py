from .fixtures import cluster as cluster
