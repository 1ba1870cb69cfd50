/* The only process of the emulated machine besides the program: starts it, carries its standard
 * output to the second serial port and its standard error to the third, writes to the fourth how it
 * ended, and switches the machine off.
 *
 * /emulate.job, written by machine.py, holds NUL-terminated strings: the working directory, the
 * number of arguments, the arguments (the first is the program's path), the environment. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int status_port;

static int serial_open(const char *path)
{
	struct termios settings;
	int port = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (port >= 0 && tcgetattr(port, &settings) == 0) {
		cfmakeraw(&settings);
		cfsetspeed(&settings, B115200);
		settings.c_cflag |= CLOCAL;
		tcsetattr(port, TCSANOW, &settings);
	}
	return port;
}

static void write_all(int port, const char *data, size_t count)
{
	while (count > 0) {
		ssize_t n = write(port, data, count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		data += n;
		count -= (size_t)n;
	}
}

/* Bochs stops when this word is written to its shutdown port. */
static void power_off(const char *status)
{
	write_all(status_port, status, strlen(status));
	tcdrain(status_port);
	if (iopl(3) == 0)
		for (const char *s = "Shutdown"; *s; s++)
			outb((unsigned char)*s, 0x8900);
	for (;;)
		pause();
}

static void fail(const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "error %s: %s\n", what, strerror(errno));
	power_off(text);
}

/* Cuts the job into strings; the list ends with NULL. */
static char **job_read(void)
{
	static char text[1 << 20];
	static char *strings[1 << 14];
	int file = open("/emulate.job", O_RDONLY | O_CLOEXEC);
	size_t used = 0, count = 0;
	ssize_t n;

	if (file < 0)
		fail("open the job");
	while ((n = read(file, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	close(file);
	for (char *s = text; s < text + used && count + 1 < sizeof(strings) / sizeof(*strings);
	     s += strlen(s) + 1)
		strings[count++] = s;
	return strings;
}

static pid_t start(char **job, int out, int err, int report)
{
	int arguments = atoi(job[1]);
	char **argv = job + 2, **environment = argv + arguments;
	static char *list[1 << 14];
	pid_t child = fork();

	if (child != 0)
		return child;
	for (int i = 0; i < arguments; i++)
		list[i] = argv[i];
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out, 1);
	dup2(err, 2);
	if (chdir(job[0]) == 0)
		execve(list[0], list, environment);
	write_all(report, (const char *)&errno, sizeof(errno));
	_exit(127);
}

/* Copy what the program writes until it has ended and its pipes are empty. */
static int carry(pid_t child, struct pollfd *pipes, const int *ports)
{
	static char data[1 << 16];
	int status = 0, running = 1, got = 1;

	while (running || got) {
		if (running && waitpid(child, &status, WNOHANG) == child)
			running = 0;
		got = 0;
		poll(pipes, 2, running ? 100 : 0);
		for (int i = 0; i < 2; i++) {
			ssize_t n = read(pipes[i].fd, data, sizeof(data));

			if (n > 0) {
				write_all(ports[i], data, (size_t)n);
				got = 1;
			} else if (n == 0) {
				pipes[i].fd = -1;
			}
		}
	}
	return status;
}

int main(void)
{
	char **job, text[64];
	int out[2], err[2], report[2], ports[2], status, reason;
	struct pollfd pipes[2];
	pid_t child;

	status_port = serial_open("/dev/ttyS3");
	ports[0] = serial_open("/dev/ttyS1");
	ports[1] = serial_open("/dev/ttyS2");
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	job = job_read();
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || pipe2(report, O_CLOEXEC))
		fail("make pipes");
	child = start(job, out[1], err[1], report[1]);
	if (child < 0)
		fail("fork");
	close(out[1]);
	close(err[1]);
	close(report[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	pipes[0] = (struct pollfd){out[0], POLLIN, 0};
	pipes[1] = (struct pollfd){err[0], POLLIN, 0};
	status = carry(child, pipes, ports);
	tcdrain(ports[0]);
	tcdrain(ports[1]);
	if (read(report[0], &reason, sizeof(reason)) == sizeof(reason)) {
		errno = reason;
		fail(job[2]);
	}
	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d\n", WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "exit %d\n", WEXITSTATUS(status));
	power_off(text);
}
