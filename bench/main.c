#include "command.h"

#include <stddef.h>

int main(int argc, char **argv)
{
	return bench_command(argc, argv, NULL);
}
