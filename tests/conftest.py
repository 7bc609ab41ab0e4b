pytest_plugins = ["tests.support.engine_fixtures"]
