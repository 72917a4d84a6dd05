"""Is the record what was written?"""
