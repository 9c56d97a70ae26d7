package main

import (
	"bufio"
	"net/http"
	"os"
	"slices"
	"strings"
)

// identityOf is what the process is, as it sees itself: GET /identity.
func identityOf(who string) map[string]any {
	hostname, _ := os.Hostname()
	directory, _ := os.Getwd()
	groups, _ := os.Getgroups()
	slices.Sort(groups)
	status := keywords("/proc/self/status", ":")
	return map[string]any{
		"who": who, "uid": os.Getuid(), "gid": os.Getgid(), "groups": slices.Compact(groups), "directory": directory, "args": os.Args, "hostname": hostname,
		"hosts": lines("/etc/hosts"), "resolv": lines("/etc/resolv.conf"),
		"capabilities": status["CapBnd"], "noNewPrivileges": status["NoNewPrivs"] == "1", "readOnlyRoot": !writable("/identity-probe"),
	}
}

func writable(path string) bool {
	err := os.WriteFile(path, nil, 0o600)
	_ = os.Remove(path)
	// Another user's directory is not a read-only one.
	return err == nil || !strings.Contains(err.Error(), "read-only")
}

func lines(path string) []string {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	var found []string
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		found = append(found, scanner.Text())
	}
	return found
}

func keywords(path, separator string) map[string]string {
	found := map[string]string{}
	for _, line := range lines(path) {
		if name, value, ok := strings.Cut(line, separator); ok {
			found[name] = strings.TrimSpace(value)
		}
	}
	return found
}

func serveIdentity(who string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, identityOf(who)) }
}
