/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/plugin_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OTHERS_WRITE (S_IWGRP | S_IWOTH)

/* ---- Finding ---------------------------------------------------------------- */

/* Splits a path at its last slash; `dir` has room for all of it. */
static const char *
path_split (const char *path, char dir[PLUGIN_PATH_MAX])
{
  const char *slash = strrchr (path, '/');
  size_t n = slash ? (size_t)(slash - path) : 0;
  snprintf (dir, PLUGIN_PATH_MAX, "%.*s", (int)n, path);
  if (slash == path)
    strcpy (dir, "/");
  if (!slash)
    strcpy (dir, ".");
  return slash ? slash + 1 : path;
}

static int
same_folder (const char *a, const char *b)
{
  struct stat sa, sb;
  return !stat (a, &sa) && !stat (b, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

int32_t
plugin_file_path (const char *load, const char *dir, int anywhere, char path[PLUGIN_PATH_MAX],
                  char why[PLUGIN_WHY_MAX])
{
  char folder[PLUGIN_PATH_MAX];
  int n = strchr (load, '/') ? snprintf (path, PLUGIN_PATH_MAX, "%s", load)
                             : snprintf (path, PLUGIN_PATH_MAX, "%s/%s.so", dir, load);
  if (n >= PLUGIN_PATH_MAX) {
    snprintf (why, PLUGIN_WHY_MAX, "the path is too long");
    return -EINVAL;
  }
  if (anywhere || !strchr (load, '/'))
    return 0;
  path_split (path, folder);
  if (same_folder (folder, dir))
    return 0;
  snprintf (why, PLUGIN_WHY_MAX,
            "outside of the plugin folder %s; put it there and load it by "
            "its name",
            dir);
  return -EINVAL;
}

/* ---- Verifying -------------------------------------------------------------- */

static int
refuse (int error, char why[PLUGIN_WHY_MAX], const char *what)
{
  snprintf (why, PLUGIN_WHY_MAX, "%s", what);
  return error;
}

/* Owner and mode of a file or folder. */
static int
owner_check (const struct stat *st, const char *what, const char *path,
             char why[PLUGIN_WHY_MAX])
{
  if (st->st_uid != 0 && st->st_uid != geteuid ()) {
    snprintf (why, PLUGIN_WHY_MAX,
              "%s belongs to user %u, who could run code here; chown root %s", what,
              (unsigned)st->st_uid, path);
    return -EPERM;
  }
  if (st->st_mode & OTHERS_WRITE) {
    snprintf (why, PLUGIN_WHY_MAX, "%s is writable for others (mode %04o); chmod go-w %s", what,
              (unsigned)st->st_mode & 07777u, path);
    return -EPERM;
  }
  return 0;
}

/* Symbolic links are followed inside the folder only; where the kernel (before
 * 5.6) cannot see to that, not at all. */
static int
open_beneath (int folder, const char *name)
{
  struct open_how how;
  long fd;
  memset (&how, 0, sizeof how);
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  fd = syscall (SYS_openat2, folder, name, &how, sizeof how);
  if (fd < 0 && (errno == ENOSYS || errno == EPERM))
    return openat (folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  return (int)fd;
}

/* The head of the program that runs now: what a plugin must be like. */
static int
own_head (Elf64_Ehdr *head)
{
  int fd = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : pread (fd, head, sizeof *head, 0);
  if (fd >= 0)
    close (fd);
  return n == (ssize_t)sizeof *head;
}

/* The first bytes, of which class, machine and type lie alike in 32 and 64 bits. */
static int
elf_check (int fd, char why[PLUGIN_WHY_MAX])
{
  Elf64_Ehdr head, own;
  ssize_t n = pread (fd, &head, sizeof head, 0);
  if (n < 20 || memcmp (head.e_ident, ELFMAG, SELFMAG))
    return refuse (-ENOEXEC, why, "not a shared object (no ELF file); rebuild it");
  if (!own_head (&own))
    return 0; /* no /proc: the loader will say it in its words */
  if (head.e_ident[EI_CLASS] != own.e_ident[EI_CLASS]
      || head.e_ident[EI_DATA] != own.e_ident[EI_DATA] || head.e_machine != own.e_machine) {
    snprintf (why, PLUGIN_WHY_MAX,
              "built for another machine (ELF class %u machine %u, this host is class %u "
              "machine %u); rebuild it here",
              head.e_ident[EI_CLASS], head.e_machine, own.e_ident[EI_CLASS], own.e_machine);
    return -ENOEXEC;
  }
  if (head.e_type != ET_DYN)
    return refuse (-ENOEXEC, why, "not a shared object; link it with -shared");
  return n < (ssize_t)sizeof head ? refuse (-ENOEXEC, why, "the file is cut short; rebuild it")
                                  : 0;
}

static int
file_check (int fd, const char *path, char why[PLUGIN_WHY_MAX])
{
  struct stat st;
  int e = fstat (fd, &st) < 0 ? refuse (-errno, why, "cannot be examined") : 0;
  if (!e && !S_ISREG (st.st_mode))
    e = refuse (-EINVAL, why, "not a regular file");
  if (!e)
    e = owner_check (&st, "the file", path, why);
  return e ? e : elf_check (fd, why);
}

int
plugin_file_open (const char *path, char why[PLUGIN_WHY_MAX])
{
  char dir[PLUGIN_PATH_MAX];
  const char *name = path_split (path, dir);
  int folder = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, e;
  struct stat st;
  if (folder < 0) {
    snprintf (why, PLUGIN_WHY_MAX, "no plugin folder %s; name the right one with plugin_dir",
              dir);
    return -ENOENT;
  }
  e = fstat (folder, &st) < 0 ? -errno : owner_check (&st, "the folder", dir, why);
  fd = e ? e : open_beneath (folder, name);
  if (!e && fd < 0) {
    e = -errno;
    snprintf (why, PLUGIN_WHY_MAX, "%s",
              e == -EXDEV || e == -ELOOP ? "a link that leads out of its folder; copy the file"
              : e == -ENOENT ? "no such file; install the plugin, or correct its name"
                             : strerror (-e));
  }
  close (folder);
  if (!e && (e = file_check (fd, path, why)))
    close (fd);
  return e ? e : fd;
}
