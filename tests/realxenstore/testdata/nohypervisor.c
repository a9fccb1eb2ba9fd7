/*
 * Lets Debian's xenstored run on a machine without Xen: preloaded into the daemon, it answers for the hypervisor.
 *
 * Every domid is alive, grants are plain memory, and no event channel ever fires. The functions are exactly those
 * xenstored 4.17 imports (nm -D --undefined-only xenstored); their types are spelt with void pointers so that no Xen
 * header is needed.
 *
 * Built by realxenstore: cc -shared -fPIC -o nohypervisor.so nohypervisor.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static int handle; /* its address stands for every opaque handle */

/* libxenctrl: is this domain alive? */

void *xc_interface_open(void *logger, void *dombuild_logger, unsigned flags)
{
	return &handle;
}

int xc_interface_close(void *xch)
{
	return 0;
}

/* xc_dominfo_t begins with domid, ssidref and a word of flags (dying, crashed, shutdown, ...); xenstored reads nothing else. */
int xc_domain_getinfo(void *xch, uint32_t first_domid, unsigned int max_doms, void *info)
{
	uint32_t *word = info;

	word[0] = first_domid;
	word[1] = 0;
	word[2] = 0;
	return 1;
}

/* libxengnttab: the page shared with a guest. */

void *xengnttab_open(void *logger, unsigned flags)
{
	return &handle;
}

int xengnttab_close(void *xgt)
{
	return 0;
}

int xengnttab_set_max_grants(void *xgt, uint32_t nr_grants)
{
	return 0;
}

void *xengnttab_map_grant_ref(void *xgt, uint32_t domid, uint32_t ref, int prot)
{
	void *page = mmap(NULL, getpagesize(), prot, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

int xengnttab_unmap(void *xgt, void *start, uint32_t count)
{
	return munmap(start, (size_t)count * getpagesize());
}

/* libxenevtchn: doorbells. */

void *xenevtchn_open(void *logger, unsigned flags)
{
	return &handle;
}

void *xenevtchn_fdopen(void *logger, int fd, unsigned flags)
{
	return &handle;
}

/*
 * The daemon polls this descriptor. NOHYPERVISOR_LIFELINE names the reading end of a pipe whose writing end the test
 * process holds: it turns readable only when that process is gone, however it went, and then the daemon goes too.
 */
int xenevtchn_fd(void *xce)
{
	static int fd = -1;
	const char *lifeline = getenv("NOHYPERVISOR_LIFELINE");

	if (fd < 0)
		fd = lifeline ? atoi(lifeline) : eventfd(0, EFD_CLOEXEC);
	return fd;
}

int xenevtchn_pending(void *xce)
{
	_exit(0); /* the lifeline broke: nothing else makes the descriptor readable */
}

int xenevtchn_unmask(void *xce, uint32_t port)
{
	return 0;
}

int xenevtchn_notify(void *xce, uint32_t port)
{
	return 0;
}

int xenevtchn_unbind(void *xce, uint32_t port)
{
	return 0;
}

int xenevtchn_bind_interdomain(void *xce, uint32_t domid, uint32_t remote_port)
{
	return 1;
}

int xenevtchn_bind_virq(void *xce, unsigned int virq)
{
	return 2;
}

/* The kernel's /proc/xen: dom0's own event channel number and shared page. */

static int page_holding(const char *text)
{
	int fd = memfd_create("nohypervisor", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	/* Only the page needs a page's size: xsd_port is read whole into a buffer of 20 bytes. */
	if (text ? write(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0 : ftruncate(fd, getpagesize()) < 0)
		return -1;
	return fd;
}

int open(const char *path, int flags, ...)
{
	static int (*next)(const char *, int, ...);
	mode_t mode = 0;

	if (!strcmp(path, "/proc/xen/xsd_port"))
		return page_holding("1");
	if (!strcmp(path, "/proc/xen/xsd_kva"))
		return page_holding(NULL);

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (!next)
		next = dlsym(RTLD_NEXT, "open");
	if (!next) {
		errno = ENOSYS;
		return -1;
	}
	return next(path, flags, mode);
}
