#include "embed_text.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

void embed_put(FILE *f, const char *name, const char *text)
{
	const char *s;

	for (; *text; text++)
		if (*text == '@')
			fputs(name, f);
		else if (*text == '^')
			for (s = name; *s; s++)
				putc(toupper((unsigned char)*s), f);
		else
			putc(*text, f);
}

/* Nine digits are enough. */
void embed_put_float(FILE *f, float value)
{
	char text[40];

	if (isnan(value)) {
		fputs("NAN", f);
	} else if (isinf(value)) {
		fputs(value < 0 ? "-INFINITY" : "INFINITY", f);
	} else {
		snprintf(text, sizeof(text), "%.9g", (double)value);
		fprintf(f, "%s%sf", text, strpbrk(text, ".e") ? "" : ".0");
	}
}
