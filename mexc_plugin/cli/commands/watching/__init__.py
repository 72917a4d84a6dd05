"""Commands that go on until they are stopped, or that another program calls again and again."""
