/**
 * HAProxy believes that a server is up until its first check fails; requests would then wait for a container that does not
 * exist yet. A state file (management guide, "show servers state", version 1) says which servers are down for now.
 */

/** @param names backends (see {@link ./hub-port.ts}) whose server `s` is not known to be up */
export function renderServerState(names: readonly string[], hubs: ReadonlyMap<string, { address: string; port: number }>): string {
  const rows = names.map((name, index) => {
    const { address = '-', port = 0 } = hubs.get(name) ?? {};
    // be_id be_name srv_id srv_name addr op_state admin_state uweight iweight last_change check_status check_result
    // check_health check_state agent_state bk_forced_id srv_forced_id fqdn port srvrecord use_ssl check_port check_addr agent_addr agent_port
    return `${index + 1} ${name} 1 s ${address} 0 0 1 1 0 1 2 0 6 0 0 0 - ${port} - 0 0 - - 0`;
  });
  return ['1', '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port', ...rows, ''].join('\n');
}
