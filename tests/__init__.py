"""The tests: contract suites over the ports, the rules of the machine, and the whole thing under kill -9."""
