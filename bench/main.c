#include "command.h"

int main(int argc, char **argv)
{
	return bench_command(argc, argv);
}
