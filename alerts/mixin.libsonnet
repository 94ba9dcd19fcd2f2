// The rules as a mixin, made of the files beside this one (jsonnet 0.19 or go-jsonnet 0.17 and newer, for std.parseYaml).
local groups(text) = std.parseYaml(text).groups;
{
  _config+:: {
    // https://… without the alert's name; empty: the page of the instance that is affected.
    runbooks: '',
    dashboards: '',
  },
  local config = self._config,
  local linked(rule) = rule {
    [if std.objectHas(rule, 'alert') then 'annotations']+: {
      [if config.runbooks != '' then 'runbook_url']: config.runbooks + '/' + rule.alert,
      [if config.dashboards != '' then 'dashboard_url']: config.dashboards,
    },
  },
  prometheusAlerts+:: {
    groups+: [
      group { rules: [linked(rule) for rule in group.rules] }
      for group in
        groups(importstr 'thresholds.yml')
        + groups(importstr 'nginx.yml')
        + groups(importstr 'php-fpm.yml')
        + groups(importstr 'slo.yml')
        + groups(importstr 'badgateway.yml')
    ],
  },
}
