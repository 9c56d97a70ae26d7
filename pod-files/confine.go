package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Where the new root is built, in a mount namespace of our own.
const building = "/tmp"

// confine does not return unless it fails.
func confine(whose target, subsystem string) error {
	process, err := unix.PidfdOpen(whose.Pid, 0)
	if err != nil {
		return fmt.Errorf("the container's process has ended: %w", err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", whose.Pid))
	if err != nil || startTimeOf(string(stat)) != whose.StartTime {
		return fmt.Errorf("the container's process has ended")
	}
	theirs, err := unix.Open(fmt.Sprintf("/proc/%d/ns/mnt", whose.Pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("mount namespace of process %d: %w", whose.Pid, err)
	}
	self, err := unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return err
	}
	ours, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Setns(theirs, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("enter the container's mounts: %w", err)
	}
	// Outer mounts first: they bring along what is mounted inside them.
	paths := append([]string(nil), whose.Mounts...)
	sort.Slice(paths, func(i, j int) bool { return len(paths[i]) < len(paths[j]) })
	// What cannot be shown any more is missing, as if it were not there; the rest is not worse for it.
	trees := map[string]int{}
	for _, path := range paths {
		tree, err := copyMount(path)
		if err != nil {
			say("mount left out", map[string]any{"path": path, "error": err.Error()})
			continue
		}
		trees[path] = tree
	}
	if err := unix.Setns(ours, unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("pod-files", building, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0755,size=8m"); err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	for _, path := range paths {
		tree, copied := trees[path]
		if !copied {
			continue
		}
		if err := attach(tree, filepath.Join(building, path)); err != nil {
			say("mount left out", map[string]any{"path": path, "error": err.Error()})
		}
		unix.Close(tree)
	}
	if err := unix.Mount("", building, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("read-only root: %w", err)
	}
	// The old root disappears below the new one: nothing is left to climb to.
	if err := unix.Chdir(building); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	unix.Close(theirs)
	unix.Close(ours)
	// The second half keeps it.
	if _, err := unix.FcntlInt(uintptr(process), unix.F_SETFD, 0); err != nil {
		return err
	}
	environment := append(os.Environ(), fmt.Sprintf("%s=%d", confinedVariable, process))
	return execute(self, []string{"pod-files", "session", subsystem}, environment)
}

// copyMount gives a detached copy of the mount at path with what is mounted inside. No part of the path may be a symlink (the container
// may rename its directories at any time), and it must still be a mount point: nothing of the container's own root comes along.
func copyMount(path string) (int, error) {
	at, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return -1, err
	}
	defer unix.Close(at)
	var facts unix.Statx_t
	if err := unix.Statx(at, "", unix.AT_EMPTY_PATH, unix.STATX_TYPE, &facts); err != nil {
		return -1, err
	}
	if facts.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return -1, fmt.Errorf("nothing is mounted there any more")
	}
	tree, err := unix.OpenTree(at, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, err
	}
	hardened := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC, Propagation: unix.MS_PRIVATE}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &hardened); err != nil && err != unix.ENOSYS {
		return -1, fmt.Errorf("mount_setattr: %w", err)
	}
	return tree, nil
}

func attach(tree int, path string) error {
	var facts unix.Stat_t
	if err := unix.Fstat(tree, &facts); err != nil {
		return err
	}
	// Came along with an outer one.
	var there unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE, &there) == nil && there.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return nil
	}
	isDirectory := facts.Mode&unix.S_IFMT == unix.S_IFDIR
	if isDirectory {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	} else {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
		if err != nil {
			return err
		}
		file.Close()
	}
	err := unix.MoveMount(tree, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH)
	if err == unix.ENOENT && !isDirectory {
		// The kubelet has removed the file since: a sub path of a ConfigMap that has changed. The container still has the old one mounted,
		// but nobody can mount it anew, so its content is shown.
		return copyRemoved(tree, path, facts)
	}
	return err
}

// As large as a ConfigMap can be, and some.
const mostRemovedBytes = 2 << 20

func copyRemoved(file int, path string, facts unix.Stat_t) error {
	from, err := os.Open(fmt.Sprintf("/proc/thread-self/fd/%d", file))
	if err != nil {
		return err
	}
	defer from.Close()
	content, err := io.ReadAll(io.LimitReader(from, mostRemovedBytes))
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	if err := os.Chown(path, int(facts.Uid), int(facts.Gid)); err != nil {
		return err
	}
	return os.Chmod(path, os.FileMode(facts.Mode&0o777))
}

// execute is execveat(2) of an open file: there is no path to it any more.
func execute(file int, arguments, environment []string) error {
	argv, err := syscall.SlicePtrFromStrings(arguments)
	if err != nil {
		return err
	}
	envv, err := syscall.SlicePtrFromStrings(environment)
	if err != nil {
		return err
	}
	empty, _ := unix.BytePtrFromString("")
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(file), uintptr(unsafe.Pointer(empty)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])), unix.AT_EMPTY_PATH, 0)
	return fmt.Errorf("execveat: %w", errno)
}

// startTimeOf is field 22 of /proc/PID/stat; the command before it may contain spaces and parentheses.
func startTimeOf(stat string) string {
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}
