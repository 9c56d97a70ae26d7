import { describe, expect, test } from '@jest/globals';
import { grantLines } from '../../../cli/grant-lines.ts';
import { compareVersions } from '../../../cli/install/version.ts';

describe('versions', () => {
  test.each([
    ['1.2.3', '1.2.3', 'same'], ['1.2.4', '1.2.3', 'fits'], ['1.2.3', '1.2.9', 'fits'], ['1.3.0', '1.2.9', 'cluster-older'], ['2.0.0', '1.9.9', 'cluster-older'],
    ['1.2.0', '1.3.0', 'cluster-newer'], ['1.9.0', '2.0.0', 'cluster-newer'], ['0.1.0', '0.2.0', 'cluster-newer'], ['1.10.0', '1.9.0', 'cluster-older'],
    ['1.2.3-rc.1', '1.2.3', 'fits'],
  ] as const)('this %s, cluster %s: %s', (cli, cluster, fit) => {
    expect(compareVersions(cli, cluster)).toBe(fit);
  });

  test('what is no version is a defect, not a match', () => {
    expect(() => compareVersions('1.0.0', 'latest')).toThrow(TypeError);
  });
});

describe('how to let somebody in', () => {
  test('a user', () => {
    expect(grantLines('Ann@example.com', 'shop')).toEqual([
      'kubectl create rolebinding podbridge-user-ann-example-com --clusterrole=podbridge-user --user=Ann@example.com --namespace=bridge-system',
      'kubectl create rolebinding podbridge-user-ann-example-com --clusterrole=podbridge-user --user=Ann@example.com --namespace=shop',
    ]);
  });
  test('a service account is not a --user', () => {
    expect(grantLines('system:serviceaccount:ci:runner')).toEqual(['kubectl create rolebinding podbridge-user-system-serviceaccount-ci-runner --clusterrole=podbridge-user --serviceaccount=ci:runner --namespace=bridge-system']);
  });
  test('a name that a shell would take apart is quoted', () => {
    expect(grantLines("o'neill $x")[0]).toContain(String.raw`--user='o'\''neill $x'`);
  });
});
