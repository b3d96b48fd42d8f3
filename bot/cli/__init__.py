"""The commands of `mockingbird …`, a module for each family; `bot.__main__` puts them together."""
