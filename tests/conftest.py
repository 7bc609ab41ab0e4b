pytest_plugins = ["tests.support.engine_fixtures", "tests.support.browser"]
