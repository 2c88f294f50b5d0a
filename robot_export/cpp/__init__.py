"""The C++ headers, in float and in int16: generators, templates, and the program that runs a header."""
