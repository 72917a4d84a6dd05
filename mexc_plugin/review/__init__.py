"""What the command line, the report and the web page share when they show the record.

Pure: values in, values out. It imports neither click nor SQLAlchemy, and prints nothing.
"""
