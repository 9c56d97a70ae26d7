package main

import (
	"archive/tar"
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"
)

// How long a pod may take to become reachable.
const exportPatience = 15 * time.Second

// export writes one tar archive of all roots that stdin asks for, each under its path in the pod.
func export([]string) error {
	var asked struct {
		Bridge bridgeRef `json:"bridge"`
		Roots  []string  `json:"roots"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	deadline := time.Now().Add(exportPatience)
	client, err := connect(asked.Bridge)
	for err != nil && time.Now().Before(deadline) {
		time.Sleep(retryDelay)
		client, err = connect(asked.Bridge)
	}
	if err != nil {
		return err
	}
	defer client.Close()
	var roots []copyRoot
	for _, root := range asked.Roots {
		roots = append(roots, copyRoot{Path: root})
	}
	stream, err := askForCopies(client, roots)
	if err != nil {
		return err
	}
	input := bufio.NewReaderSize(stream, 256<<10)
	output := bufio.NewWriterSize(os.Stdout, 256<<10)
	whole := tar.NewWriter(output)
	for range roots {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return err
		}
		var head frame
		if err := json.Unmarshal(line, &head); err != nil {
			return err
		}
		if head.Error != "" {
			return fmt.Errorf("%s: %s", head.Root, head.Error)
		}
		part := tar.NewReader(input)
		for {
			header, err := part.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			header.Name = strings.TrimPrefix(path.Join(head.Root, header.Name), "/")
			if err := whole.WriteHeader(header); err != nil {
				return err
			}
			if _, err := io.Copy(whole, part); err != nil {
				return err
			}
		}
	}
	if err := whole.Close(); err != nil {
		return err
	}
	return output.Flush()
}
