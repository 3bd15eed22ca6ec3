# Collects what an offline audit needs to know of this host, and writes one dated file.
#
#   powershell.exe -NoProfile -ExecutionPolicy Bypass -File collect.ps1 -Share \\server\audit$
#
# It reads and changes nothing: no service, no key, no file but the one that it writes. It opens no
# connection of its own; the only thing that leaves the host is the file, to the share that was given.
# Windows Update is asked offline: it answers from what its own last scan left behind.
# It keeps to PowerShell 2.0, so Windows 7 and Server 2008 R2 run it as they are.
param(
    [string]$Share = $(throw 'name the folder to write to: -Share \\server\audit$'),
    [string[]]$Files = @(
        'lsasrv.dll', 'lsass.exe', 'ntoskrnl.exe', 'win32k.sys', 'gdi32.dll', 'schannel.dll', 'kerberos.dll',
        'msasn1.dll', 'netapi32.dll', 'ntdll.dll', 'crypt32.dll', 'mshtml.dll', 'jscript.dll', 'vbscript.dll',
        'ole32.dll', 'oleaut32.dll', 'rpcrt4.dll', 'samsrv.dll', 'spoolsv.exe', 'localspl.dll', 'webio.dll',
        'qedit.dll', 'quartz.dll', 'usp10.dll', 'aclui.dll', 'drivers\srv.sys', 'drivers\srv2.sys',
        'drivers\tcpip.sys', 'drivers\http.sys', 'drivers\mrxdav.sys', 'drivers\rdpwd.sys', 'drivers\termdd.sys'
    )
)

$ErrorActionPreference = 'Stop'
$lines = New-Object System.Collections.ArrayList
$errors = New-Object System.Collections.ArrayList
$script:count = 0

# One line: columns parted by tabs, so a column holds none and no line end.
function Write-Row($columns) {
    $clean = @($columns | ForEach-Object { ([string]$_) -replace '[\t\r\n]+', ' ' })
    [void]$lines.Add([string]::Join("`t", [string[]]$clean))
    $script:count = $script:count + 1
}

# A section stands in the file only if its part ran to the end; else the reason stands in errors.
function Write-Section($name, $part) {
    $start = $lines.Count
    $before = $script:count
    [void]$lines.Add('[' + $name + ']')
    try {
        & $part
    } catch {
        $lines.RemoveRange($start, $lines.Count - $start)
        $script:count = $before
        [void]$errors.Add(@($name, $_.Exception.Message))
    }
}

function Format-Time($time) {
    if (-not $time) { return '' }
    return ([datetime]$time).ToString('yyyy-MM-dd HH:mm:ss', [Globalization.CultureInfo]::InvariantCulture)
}

function Read-Value($path, $name) {
    $key = Get-ItemProperty -Path $path -ErrorAction SilentlyContinue
    if ($key -eq $null) { return $null }
    return $key.$name
}

$windows = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
$servicing = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing'

Write-Section 'host' {
    $system = Get-WmiObject -Class Win32_OperatingSystem
    Write-Row @('name', $env:COMPUTERNAME)
    Write-Row @('taken', (Format-Time (Get-Date)))
    Write-Row @('os', $system.Caption)
    Write-Row @('version', $system.Version)
    Write-Row @('ubr', (Read-Value $windows 'UBR'))
    Write-Row @('servicepack', $system.ServicePackMajorVersion)
    $arch = $env:PROCESSOR_ARCHITEW6432
    if (-not $arch) { $arch = $env:PROCESSOR_ARCHITECTURE }
    Write-Row @('arch', $arch)
    Write-Row @('edition', (Read-Value $windows 'EditionID'))
    $release = Read-Value $windows 'DisplayVersion'
    if (-not $release) { $release = Read-Value $windows 'ReleaseId' }
    Write-Row @('release', $release)
    Write-Row @('installation', (Read-Value $windows 'InstallationType'))
    Write-Row @('boot', (Format-Time ($system.ConvertToDateTime($system.LastBootUpTime))))
    $ie = Read-Value 'HKLM:\SOFTWARE\Microsoft\Internet Explorer' 'svcVersion'
    if (-not $ie) { $ie = Read-Value 'HKLM:\SOFTWARE\Microsoft\Internet Explorer' 'Version' }
    Write-Row @('ie', $ie)
}

Write-Section 'hotfixes' {
    Get-WmiObject -Class Win32_QuickFixEngineering | ForEach-Object {
        $on = ''
        try { $on = Format-Time $_.InstalledOn } catch { $on = '' }
        Write-Row @($_.HotFixID, $on, $_.Description)
    }
}

Write-Section 'files' {
    foreach ($name in $Files) {
        $path = Join-Path $env:SystemRoot ('System32\' + $name)
        if (Test-Path -Path $path) {
            $file = Get-Item -Path $path -Force
            $info = $file.VersionInfo
            $version = '{0}.{1}.{2}.{3}' -f $info.FileMajorPart, $info.FileMinorPart, $info.FileBuildPart, $info.FilePrivatePart
            # The later of both times: updates keep the time of writing of the file that they bring.
            $when = $file.LastWriteTime
            if ($file.CreationTime -gt $when) { $when = $file.CreationTime }
            Write-Row @($path, $version, (Format-Time $when))
        } else {
            Write-Row @($path, 'absent', '')
        }
    }
}

Write-Section 'windowsupdate' {
    try {
        $session = New-Object -ComObject Microsoft.Update.Session
        $searcher = $session.CreateUpdateSearcher()
        $searcher.Online = $false
        $result = $searcher.Search('IsInstalled=0 and IsHidden=0')
        if ($result.ResultCode -ne 2) { throw ('result code ' + $result.ResultCode) }
        $offers = New-Object System.Collections.ArrayList
        foreach ($update in $result.Updates) {
            foreach ($id in $update.KBArticleIDs) {
                [void]$offers.Add(@('offered', ('KB' + $id), $update.Title))
            }
        }
        Write-Row @('ok', $offers.Count)
        foreach ($offer in $offers) { Write-Row $offer }
    } catch {
        Write-Row @('failed', $_.Exception.Message)
    }
}

Write-Section 'msi' {
    $root = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData'
    if (Test-Path -Path $root) {
        foreach ($user in (Get-ChildItem -Path $root)) {
            $products = Join-Path $user.PSPath 'Products'
            if (-not (Test-Path -Path $products)) { continue }
            foreach ($product in (Get-ChildItem -Path $products)) {
                $patches = Join-Path $product.PSPath 'Patches'
                if (-not (Test-Path -Path $patches)) { continue }
                foreach ($patch in @(Get-ChildItem -Path $patches)) {
                    if ($patch -eq $null) { continue }
                    $title = Read-Value $patch.PSPath 'DisplayName'
                    if ($title -match 'KB(\d{5,8})') { Write-Row @(('KB' + $matches[1]), $title) }
                }
            }
        }
    }
}

Write-Section 'programs' {
    $roots = @(
        'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall',
        'HKLM:\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall'
    )
    foreach ($root in $roots) {
        if (-not (Test-Path -Path $root)) { continue }
        foreach ($key in (Get-ChildItem -Path $root)) {
            $title = Read-Value $key.PSPath 'DisplayName'
            if ($title) { Write-Row @($title, (Read-Value $key.PSPath 'DisplayVersion')) }
        }
    }
}

Write-Section 'updatekeys' {
    $root = 'HKLM:\SOFTWARE\Microsoft\Updates'
    if (Test-Path -Path $root) {
        foreach ($key in @(Get-ChildItem -Path $root -Recurse)) {
            if ($key.PSChildName -match '^(KB|Q)\d{5,8}$') { Write-Row @($key.PSChildName, $key.Name) }
        }
    }
}

Write-Section 'net' {
    $root = 'HKLM:\SOFTWARE\Microsoft\NET Framework Setup\NDP'
    $release = Read-Value ($root + '\v4\Full') 'Release'
    if ($release) { Write-Row @('release', $release) }
    $version = Read-Value ($root + '\v3.5') 'Version'
    if ($version) { Write-Row @('v3.5', $version) }
}

Write-Section 'pending' {
    if (Test-Path -Path ($servicing + '\RebootPending')) { Write-Row @('servicing', 'RebootPending') }
    $auto = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired'
    if (Test-Path -Path $auto) { Write-Row @('windowsupdate', 'RebootRequired') }
    $renames = Read-Value 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager' 'PendingFileRenameOperations'
    foreach ($rename in @($renames)) {
        if ($rename) { Write-Row @('filerename', $rename) }
    }
}

Write-Section 'antivirus' {
    # Servers have no SecurityCenter2: that is an error here, not an empty list.
    Get-WmiObject -Namespace 'root\SecurityCenter2' -Class AntiVirusProduct | ForEach-Object {
        Write-Row @($_.displayName, ('0x{0:x6}' -f $_.productState), $_.timestamp)
    }
}

Write-Section 'firewall' {
    $root = 'HKLM:\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy'
    foreach ($name in @('DomainProfile', 'StandardProfile', 'PublicProfile')) {
        Write-Row @($name, (Read-Value ($root + '\' + $name) 'EnableFirewall'))
    }
}

Write-Section 'errors' {
    foreach ($one in $errors) { Write-Row $one }
}

$body = @('winaudit-bundle 1') + @($lines) + @('[end]', [string]$script:count)
$stamp = (Get-Date).ToString('yyyyMMdd-HHmmss', [Globalization.CultureInfo]::InvariantCulture)
$target = Join-Path $Share ($env:COMPUTERNAME + '_' + $stamp + '.winaudit.txt')
# Written beside and moved: whoever watches the share never reads half a file.
$half = $target + '.part'
[IO.File]::WriteAllLines($half, [string[]]$body, (New-Object System.Text.UTF8Encoding($false)))
[IO.File]::Move($half, $target)
