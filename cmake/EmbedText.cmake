# cmake -DTEXT=FILE -DOUT=FILE.c -DNAME=symbol -DHEADER=include -P EmbedText.cmake
# Writes a text file as a C array of characters, so that no file has to be found at run time.
file(READ ${TEXT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "/* Made from a text file when that changes. */\n#include \"${HEADER}\"\n\nconst char ${NAME}[] = {\n${bytes}0};\n")
