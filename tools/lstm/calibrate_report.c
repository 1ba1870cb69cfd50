#include <math.h>
#include <stdio.h>

#include "calibrate.h"
#include "common.h"

/* ---- text ------------------------------------------------------------------------------------ */
/* Of what the file has, no errors are said. */
static void print_row(const char *layer, const char *type, const struct calibrated *r, int own)
{
	const double mean = own ? 0 : r->errors.sum / (double)r->errors.count;

	printf("%5s  %-5s %12zu", layer, type, r->bytes);
	if (own)
		printf(" %10s %10s", "-", "-");
	else
		printf(" %10.3g %10.3g", r->errors.max, mean);
	printf(" %10.4g", 1e6 * r->seconds);
}

static void print_layer(const struct calibration *c, int layer)
{
	const struct calibrated_layer *l = &c->layers[layer];
	char number[20];
	int k;

	snprintf(number, sizeof(number), "%d", layer);
	for (k = 0; k < l->count; k++) {
		print_row(number, cli_dtype_name(l->types[k].type), &l->types[k], k == 0);
		if (k == l->chosen)
			printf("  chosen");
		else if (!(l->types[k].errors.max <= c->limit))
			printf("  beyond %g", c->limit);
		putchar('\n');
	}
}

void calibration_print(const struct calibration *c)
{
	int layer;

	printf("%s: %zu steps, batch %zu; int8 where the error of h is at most %g, else bf16, else "
	       "as it is\n",
	       c->files.x, c->steps, c->batch, c->limit);
	printf("layer  type  %12s %10s %10s %10s\n", "bytes", "max error", "mean error", "us/step");
	for (layer = 0; layer < c->desc.layers; layer++)
		print_layer(c, layer);
	print_row("all", "as is", &c->whole[0], 1);
	putchar('\n');
	print_row("all", "OUT", &c->whole[1], 0);
	putchar('\n');
}

/* ---- JSON ------------------------------------------------------------------------------------ */
static void json_number(const char *key, double value)
{
	if (isfinite(value))
		printf(", \"%s\": %.9g", key, value);
	else
		printf(", \"%s\": null", key);
}

static void json_row(const struct calibrated *r, int own)
{
	printf("\"bytes\": %zu", r->bytes);
	json_number("max_error", own ? 0 : r->errors.max);
	json_number("mean_error", own ? 0 : r->errors.sum / (double)r->errors.count);
	json_number("seconds_per_step", r->seconds);
	putchar('}');
}

void calibration_print_json(const struct calibration *c)
{
	int layer, k;

	printf("{\"steps\": %zu, \"batch\": %zu, \"limit\": %.17g, \"layers\": [", c->steps, c->batch,
	       c->limit);
	for (layer = 0; layer < c->desc.layers; layer++) {
		const struct calibrated_layer *l = &c->layers[layer];

		printf("%s{\"chosen\": \"%s\", \"types\": [", layer ? ", " : "",
		       cli_dtype_name(l->types[l->chosen].type));
		for (k = 0; k < l->count; k++) {
			printf("%s{\"dtype\": \"%s\", ", k ? ", " : "",
			       cli_dtype_name(l->types[k].type));
			json_row(&l->types[k], k == 0);
		}
		printf("]}");
	}
	printf("], \"all\": {\"as_is\": {");
	json_row(&c->whole[0], 1);
	printf(", \"out\": {");
	json_row(&c->whole[1], 0);
	printf("}}\n");
}
