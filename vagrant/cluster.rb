# frozen_string_literal: true

# The three machines, and the inventory made of them. Knows nothing of Vagrant: `ruby cluster.rb` prints the inventory.
module Cluster
  Machine = Struct.new(:name, :address, :roles, :cpus, :memory, keyword_init: true)

  # VirtualBox lets host-only networks be in 192.168.56.0/21 unless it is told otherwise.
  MACHINES = [
    Machine.new(name: "cp1", address: "192.168.56.11", roles: %w[control-plane], cpus: 2, memory: 2048),
    Machine.new(name: "w1", address: "192.168.56.21", roles: %w[worker], cpus: 2, memory: 2048),
    Machine.new(name: "w2", address: "192.168.56.22", roles: %w[worker], cpus: 2, memory: 2048),
  ].freeze

  module_function

  # keys: machine name => private key, seen from the inventory's folder.
  def inventory(keys)
    hosts = MACHINES.map do |machine|
      "  #{machine.name}: {address: #{machine.address}, roles: [#{machine.roles.join(", ")}], " \
        "ssh: {identityFile: #{keys.fetch(machine.name).inspect}}}\n"
    end
    <<~YAML
      # yaml-language-server: $schema=../forge.schema.json
      # Made by vagrant/Vagrantfile; the next `vagrant up` writes it anew.
      cluster:
        name: vagrant

      ssh:
        user: vagrant

      hosts:
      #{hosts.join.chomp}
    YAML
  end

  # fingerprints: machine name => SHA256:…
  def trust(inventory, fingerprints)
    ["trust", inventory, *fingerprints.flat_map { |name, fingerprint| ["--fingerprint", "#{name}=#{fingerprint}"] }]
  end

  def up(inventory)
    ["up", inventory, "--yes"]
  end
end

if $PROGRAM_NAME == __FILE__
  print Cluster.inventory(Cluster::MACHINES.to_h { |machine|
    [machine.name, ".vagrant/machines/#{machine.name}/virtualbox/private_key"]
  })
end
