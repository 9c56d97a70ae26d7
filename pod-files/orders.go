package main

import (
	"bufio"
	"encoding/json"
	"io"
)

// readOrders reads a line of JSON for each order, beside whatever its caller does. When the channel is closed, the function tells why:
// nil at the end of the input, or the error of a line that is no order.
func readOrders[T any](input io.Reader) (<-chan T, func() error) {
	orders := make(chan T)
	var broken error
	go func() {
		// What stands in broken by then is seen by whoever finds the channel closed.
		defer close(orders)
		lines := bufio.NewScanner(input)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var order T
			if broken = json.Unmarshal(lines.Bytes(), &order); broken != nil {
				return
			}
			orders <- order
		}
	}()
	return orders, func() error { return broken }
}
